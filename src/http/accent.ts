type Rgb = [red: number, green: number, blue: number]

const white: Rgb = [255, 255, 255]
const darkInk: Rgb = [14, 18, 27]
const darkPaper: Rgb = [22, 27, 39]
const readable = 4.5

/**
 * The stylesheet that puts an organization's colour in the accent's place. A colour that text could not be read on is
 * moved towards black (light mode) or white (dark mode) until it can (WCAG AA, 4.5 : 1).
 * @param color `#rrggbb`
 */
export function accentStyle(color: string): string {
  const { light, dark } = accentsOf(color)
  return `:root{--accent:${light}}@media(prefers-color-scheme:dark){:root{--accent:${dark}}}`
}

/** The accent of each mode: white text on the light one; dark text on the dark one, which is read on paper as well. */
export function accentsOf(color: string): { light: string; dark: string } {
  const chosen = parseColor(color)
  return {
    light: formatColor(moveUntil(chosen, [0, 0, 0], (rgb) => contrast(rgb, white) >= readable)),
    dark: formatColor(
      moveUntil(chosen, white, (rgb) => contrast(rgb, darkInk) >= readable && contrast(rgb, darkPaper) >= readable),
    ),
  }
}

/** The contrast ratio of two colours `#rrggbb` (WCAG 2.2). */
export function contrastOf(one: string, other: string): number {
  return contrast(parseColor(one), parseColor(other))
}

function moveUntil(from: Rgb, towards: Rgb, enough: (rgb: Rgb) => boolean): Rgb {
  for (let step = 0; step <= 20; step++) {
    const mixed = from.map((channel, index) => channel + ((towards[index] ?? 0) - channel) * (step / 20)) as Rgb
    const rounded = mixed.map(Math.round) as Rgb
    if (enough(rounded)) return rounded
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
