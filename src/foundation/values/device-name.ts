/** The first that matches: later ones are claimed by their descendants as well. */
const browsers: [claim: RegExp, name: string][] = [
  [/\bEdg(?:e|A|iOS)?\//, 'Edge'],
  [/\b(?:OPR|Opera)\//, 'Opera'],
  [/\bSamsungBrowser\//, 'Samsung Internet'],
  [/\b(?:Firefox|FxiOS)\//, 'Firefox'],
  [/\b(?:Chromium|HeadlessChrome|Chrome|CriOS)\//, 'Chrome'],
  [/\bSafari\//, 'Safari'],
]

const systems: [claim: RegExp, name: string][] = [
  [/\biPhone\b/, 'iPhone'],
  [/\biPad\b/, 'iPad'],
  [/\bAndroid\b/, 'Android'],
  [/\bCrOS\b/, 'ChromeOS'],
  [/\bWindows\b/, 'Windows'],
  [/\bMac(?:intosh| OS X)\b/, 'macOS'],
  [/\bLinux\b/, 'Linux'],
]

/** Whatever follows tells no more; the patterns are linear as well. */
const telling = 256

/** Short words for a User-Agent header: `Firefox on Linux`, `Safari on iPhone`, `curl`. */
export function deviceName(userAgent: string | null): string {
  if (!userAgent) return 'Unknown device'
  const start = userAgent.slice(0, telling)
  const nameIn = (list: typeof browsers) => list.find(([claim]) => claim.test(start))?.[1]
  const browser = nameIn(browsers) ?? /^(?!Mozilla)[\w.-]{1,40}/.exec(start)?.[0] ?? 'Browser'
  const system = nameIn(systems)
  return system ? `${browser} on ${system}` : browser
}
