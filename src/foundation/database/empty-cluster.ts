import {
  createReadStream,
  type Dirent,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { appendFile } from 'node:fs/promises'
import { join } from 'node:path'
import { brotliCompressSync, constants, createBrotliDecompress } from 'node:zlib'

/*
 * An embedded database as initdb leaves it, without a table of ours: initdb in WebAssembly takes seconds and 700 MB, which
 * a first start would spend before it can do anything. `npm run cluster` writes the file anew, for another PGlite.
 * The file, uncompressed, is a line of JSON that names directories and files, and then what the files hold.
 */
const file = new URL('./empty-cluster.br', import.meta.url)

interface Contents {
  directories: string[]
  files: { path: string; size: number }[]
}

const windowBits = 20

/** PostgreSQL's own mark of a data directory: written last, so that one without it is only half there. */
const mark = 'PG_VERSION'

/** Whether there is a whole data directory. */
export function isCluster(directory: string): boolean {
  return existsSync(join(directory, mark))
}

/** Makes a data directory where there is none yet. */
export async function unpackEmptyCluster(directory: string): Promise<void> {
  if (isCluster(directory)) return
  rmSync(directory, { recursive: true, force: true })
  const packed = new Reader(createReadStream(file).pipe(createBrotliDecompress()))
  const { directories, files }: Contents = JSON.parse(await packed.line())
  for (const path of ['', ...directories]) mkdirSync(join(directory, path), { recursive: true, mode: 0o700 })
  for (const { path, size } of files) {
    writeFileSync(join(directory, path), '', { mode: 0o600 })
    for await (const part of packed.bytes(size)) await appendFile(join(directory, path), part)
  }
}

/** Keeps a data directory, which no process may hold, as the one that `unpackEmptyCluster` unpacks. */
export function packEmptyCluster(directory: string): void {
  const entries = readdirSync(directory, { recursive: true, withFileTypes: true })
    .map((entry) => ({ path: join(entry.parentPath, entry.name).slice(directory.length + 1), entry }))
    .filter(({ path }) => path !== 'postmaster.pid')
    // The databases of a new cluster are alike: beside each other, their files take the place of one, in a small window.
    .sort((one, other) => Number(one.path === mark) - Number(other.path === mark) || byName(one.entry, other.entry))
  const directories = entries.filter(({ entry }) => entry.isDirectory()).map(({ path }) => path)
  const files = entries
    .filter(({ entry }) => entry.isFile())
    .map(({ path }) => ({ path, content: readFileSync(join(directory, path)) }))
  const contents: Contents = { directories, files: files.map(({ path, content }) => ({ path, size: content.length })) }
  const packed = Buffer.concat([Buffer.from(`${JSON.stringify(contents)}\n`), ...files.map(({ content }) => content)])
  const params = { [constants.BROTLI_PARAM_LGWIN]: windowBits }
  writeFileSync(file, brotliCompressSync(packed, { params }))
}

function byName(one: Dirent, other: Dirent): number {
  const [a, b] = [one, other].map(({ name, parentPath }) => `${name}/${parentPath}`)
  return a! < b! ? -1 : 1
}

/** Takes a stream apart, holding no more of it than came last. */
class Reader {
  readonly #chunks: AsyncIterator<Buffer>
  #left: Buffer = Buffer.alloc(0)

  constructor(stream: AsyncIterable<Buffer>) {
    this.#chunks = stream[Symbol.asyncIterator]()
  }

  async line(): Promise<string> {
    let text = Buffer.alloc(0)
    for (;;) {
      const end = this.#left.indexOf('\n')
      if (end >= 0) {
        text = Buffer.concat([text, this.#left.subarray(0, end)])
        this.#left = this.#left.subarray(end + 1)
        return text.toString()
      }
      text = Buffer.concat([text, this.#left])
      await this.#more()
    }
  }

  async *bytes(count: number): AsyncGenerator<Buffer> {
    for (let due = count; due > 0; ) {
      if (this.#left.length === 0) await this.#more()
      const part = this.#left.subarray(0, due)
      this.#left = this.#left.subarray(part.length)
      due -= part.length
      yield part
    }
  }

  async #more(): Promise<void> {
    const { value, done } = await this.#chunks.next()
    if (done) throw new Error('empty-cluster.br ends too early')
    this.#left = value
  }
}
