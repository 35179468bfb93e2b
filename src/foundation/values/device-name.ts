/** The first that matches: later ones are claimed by their descendants as well. */
const browsers: [claim: RegExp, name: string][] = [
  [/\bEdg(?:e|A|iOS)?\//, 'Edge'],
  [/\b(?:OPR|Opera)\//, 'Opera'],
  [/\bSamsungBrowser\//, 'Samsung Internet'],
  [/\b(?:Firefox|FxiOS)\//, 'Firefox'],
  [/\b(?:Chromium|HeadlessChrome|Chrome|CriOS)\//, 'Chrome'],
  [/\bVersion\/.*\bSafari\//, 'Safari'],
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

/** Short words for a User-Agent header: `Firefox on Linux`, `Safari on iPhone`, `curl`. */
export function deviceName(userAgent: string | null): string {
  if (!userAgent) return 'Unknown device'
  const nameIn = (list: typeof browsers) => list.find(([claim]) => claim.test(userAgent))?.[1]
  const browser = nameIn(browsers) ?? /^(?!Mozilla)[\w.-]{1,40}/.exec(userAgent)?.[0] ?? 'Browser'
  const system = nameIn(systems)
  return system ? `${browser} on ${system}` : browser
}
