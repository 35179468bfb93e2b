import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

interface CpuProfile {
  nodes: { id: number; callFrame: { functionName: string; url: string; lineNumber: number } }[]
  samples: number[]
  /** Microseconds before each sample. */
  timeDeltas: number[]
}

/** A function and its file, and its share of the time in which the thread was neither idle nor ending. */
export type ProfileEntry = [where: string, share: number]

const shown = 10
const notCounted = ['(idle)', 'reallyExit']

/** Where the main threads of the processes spent their time whose profiles are in each directory of `directory`. */
export function topOfProfiles(directory: string): { name: string; entries: ProfileEntry[] }[] {
  return readdirSync(directory).map((name) => ({ name, entries: topOf(join(directory, name)) }))
}

function topOf(directory: string): ProfileEntry[] {
  const times = new Map<string, number>()
  for (const name of readdirSync(directory).filter(isOfMainThread)) {
    const profile = JSON.parse(readFileSync(join(directory, name), 'utf8')) as CpuProfile
    const places = new Map(profile.nodes.map(({ id, callFrame }) => [id, placeOf(callFrame)]))
    for (const [index, id] of profile.samples.entries()) {
      const place = places.get(id)!
      times.set(place, (times.get(place) ?? 0) + (profile.timeDeltas[index] ?? 0))
    }
  }
  for (const place of notCounted) times.delete(place)
  const total = times.values().reduce((sum, time) => sum + time, 0)
  return [...times]
    .toSorted(([, one], [, other]) => other - one)
    .slice(0, shown)
    .map(([where, time]) => [where, time / total])
}

/** `CPU.date.time.process.thread.number.cpuprofile` */
function isOfMainThread(name: string): boolean {
  return /\.0\.\d+\.cpuprofile$/.test(name)
}

function placeOf({ functionName, url }: CpuProfile['nodes'][number]['callFrame']): string {
  const file = url.replace(/^.*\/node_modules\//, '').replace(/^file:.*?\/(?=src\/|adapters\/)/, '')
  // Functions of WebAssembly have numbers for names.
  if (url.startsWith('wasm:')) return 'WebAssembly (embedded: the database; at the start: types taken out)'
  return [functionName || '(anonymous)', file].filter(Boolean).join(' ')
}
