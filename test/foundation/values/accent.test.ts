import { expect, test } from 'vitest'
import { accentStyle, accentsOf, contrastOf } from '#foundation/values/accent.ts'

const colors = ['00', '33', '66', '99', 'cc', 'ff'].flatMap((red, _, steps) =>
  steps.flatMap((green) => steps.map((blue) => `#${red}${green}${blue}`)),
)

test('every colour becomes an accent that is readable in both modes', () => {
  for (const color of colors) {
    const { light, dark } = accentsOf(color)
    const worst = Math.min(
      contrastOf(light, '#ffffff'),
      contrastOf(light, '#f6f7fb'),
      contrastOf(dark, '#0e121b'),
      contrastOf(dark, '#161b27'),
    )
    expect(worst, `${color} → ${light}, ${dark}`).toBeGreaterThanOrEqual(4.5)
  }
})

test('a colour that is readable as it is stays as it is', () => {
  expect(accentsOf('#3b5bdb').light).toBe('#3b5bdb')
  expect(accentsOf('#8ea2ff').dark).toBe('#8ea2ff')
})

test('contrast is that of WCAG', () => {
  expect(contrastOf('#000000', '#ffffff')).toBeCloseTo(21)
  expect(contrastOf('#777777', '#ffffff')).toBeCloseTo(4.48, 2)
})

test('the stylesheet sets the accent for both modes and nothing else', () => {
  expect(accentStyle('#0b7285')).toMatch(
    /^:root\{--accent:#[0-9a-f]{6}\}@media\(prefers-color-scheme:dark\)\{:root\{--accent:#[0-9a-f]{6}\}\}$/,
  )
})
