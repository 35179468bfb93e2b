type Rgb = [red: number, green: number, blue: number]

const black: Rgb = [0, 0, 0]
const white: Rgb = [255, 255, 255]
const readable = 4.5

/** What an accent has to be read on or under, as `views/styles/tokens.css` has them: text on it, paper, ground. */
const surfaces: Record<'light' | 'dark', Rgb[]> = {
  light: [white, [246, 247, 251]],
  dark: [
    [22, 27, 39],
    [14, 18, 27],
  ],
}

/**
 * The stylesheet that puts an organization's colour in the accent's place. A colour that text could not be read on is
 * moved towards black (light mode) or white (dark mode) until it can (WCAG AA, 4.5 : 1).
 * @param color `#rrggbb`
 */
export function accentStyle(color: string): string {
  const { light, dark } = accentsOf(color)
  return `:root{--accent:${light}}@media(prefers-color-scheme:dark){:root{--accent:${dark}}}`
}

/** The accent of each mode: under white text in light mode, under dark text in dark mode, and read on the page in both. */
export function accentsOf(color: string): { light: string; dark: string } {
  const chosen = parseColor(color)
  return {
    light: formatColor(moveUntilReadable(chosen, black, surfaces.light)),
    dark: formatColor(moveUntilReadable(chosen, white, surfaces.dark)),
  }
}

/** The contrast ratio of two colours `#rrggbb` (WCAG 2.2). */
export function contrastOf(one: string, other: string): number {
  return contrast(parseColor(one), parseColor(other))
}

function moveUntilReadable(from: Rgb, towards: Rgb, on: Rgb[]): Rgb {
  for (let step = 0; step < 20; step++) {
    const mixed = from.map((channel, index) => Math.round(channel + (towards[index]! - channel) * (step / 20))) as Rgb
    if (on.every((surface) => contrast(mixed, surface) >= readable)) return mixed
  }
  return towards
}

function contrast(one: Rgb, other: Rgb): number {
  const [lighter, darker] = [luminance(one), luminance(other)].sort((a, b) => b - a) as [number, number]
  return (lighter + 0.05) / (darker + 0.05)
}

function luminance(rgb: Rgb): number {
  const [red, green, blue] = rgb.map((channel) => {
    const value = channel / 255
    return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4
  }) as Rgb
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue
}

function parseColor(color: string): Rgb {
  return [1, 3, 5].map((at) => Number.parseInt(color.slice(at, at + 2), 16)) as Rgb
}

function formatColor(rgb: Rgb): string {
  return `#${rgb.map((channel) => channel.toString(16).padStart(2, '0')).join('')}`
}
