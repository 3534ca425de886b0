/** Test data, the same on every run, and torrents of it. */
import { Buffer } from "node:buffer"
import { createCipheriv, createHash } from "node:crypto"
import { closeSync, mkdirSync, openSync, readFileSync, readSync, writeFileSync, writeSync } from "node:fs"
import { dirname, join } from "node:path"
import * as Bencode from "./Bencode.ts"
import * as Process from "./Process.ts"

export interface DataFile {
  /** Below the torrent's data folder, so it starts with the torrent's name; `/` between parts. */
  readonly path: string
  readonly length: number
}

export interface TestTorrent {
  readonly name: string
  /** Path of the `.torrent` file. */
  readonly file: string
  /** The folder that holds `name`: what a client takes as its download directory. */
  readonly dataDir: string
  /** Lower-case hex. */
  readonly infoHash: string
  readonly pieceLength: number
  readonly pieceCount: number
  readonly totalLength: number
  /** In the order of the torrent, empty files included. */
  readonly files: ReadonlyArray<DataFile>
}

const KIB = 1024
const MIB = 1024 * KIB

/** Writes `length` bytes that depend on `seed` alone (an AES-CTR key stream: about 1 GB/s). */
export const writeData = (path: string, length: number, seed: string): void => {
  mkdirSync(dirname(path), { recursive: true })
  const key = createHash("sha256").update(seed).digest()
  const cipher = createCipheriv("aes-256-ctr", key, Buffer.alloc(16))
  const zeros = Buffer.alloc(Math.min(length, MIB))
  const file = openSync(path, "w")
  try {
    for (let at = 0; at < length; at += zeros.length) {
      writeSync(file, cipher.update(zeros.subarray(0, Math.min(zeros.length, length - at))))
    }
  } finally {
    closeSync(file)
  }
}

export interface MakeOptions {
  /** Where `data/` and the `.torrent` go. */
  readonly dir: string
  readonly name: string
  /** Paths below `name` with their lengths; a single entry with an empty path makes a single-file torrent. */
  readonly files: ReadonlyArray<DataFile>
  /** A power of two, at least 32 KiB, so that mktorrent can make it. */
  readonly pieceLength: number
  readonly trackers?: ReadonlyArray<string>
  readonly private?: boolean
  /** `own` writes the torrent here instead of with mktorrent, in the order of `files`. */
  readonly writer?: "mktorrent" | "own"
}

/** Writes the data and its torrent, with mktorrent where that is installed. */
export const make = async (options: MakeOptions): Promise<TestTorrent> => {
  const dataDir = join(options.dir, "data")
  const root = join(dataDir, options.name)
  for (const { path, length } of options.files) {
    writeData(join(root, path), length, `${options.name}/${path}`)
  }
  const file = join(options.dir, `${options.name}.torrent`)
  const mktorrent = options.writer === "own" ? undefined : Process.find("mktorrent")
  if (mktorrent === undefined) writeTorrent(file, dataDir, options)
  else {
    await Process.run(mktorrent, [
      ...["-d", "-l", String(Math.log2(options.pieceLength)), "-o", file],
      ...(options.trackers ?? []).flatMap((url) => ["-a", url]),
      ...(options.private === true ? ["-p"] : []),
      root,
    ])
  }
  return load(file, dataDir)
}

const writeTorrent = (file: string, dataDir: string, options: MakeOptions): void => {
  const single = options.files.length === 1 && options.files[0]!.path === ""
  const hashes: Array<Buffer> = []
  const pieces = readAll(
    dataDir,
    options.files.map(({ path, length }) => ({ path: join(options.name, path), length })),
  )
  for (let at = 0; at < pieces.length; at += options.pieceLength) {
    hashes.push(createHash("sha1").update(pieces.subarray(at, at + options.pieceLength)).digest())
  }
  writeFileSync(
    file,
    Bencode.encode({
      announce: options.trackers?.[0],
      "announce-list": options.trackers?.map((url) => [url]),
      info: {
        name: options.name,
        "piece length": options.pieceLength,
        pieces: Buffer.concat(hashes),
        private: options.private === true ? 1 : undefined,
        length: single ? options.files[0]!.length : undefined,
        files: single
          ? undefined
          : options.files.map(({ path, length }) => ({ length, path: path.split("/") })),
      },
    }),
  )
}

const readAll = (dataDir: string, files: ReadonlyArray<DataFile>): Buffer =>
  Buffer.concat(files.map(({ path }) => readFileSync(join(dataDir, path))))

/** Reads a v1 torrent that this module or mktorrent wrote. */
export const load = (file: string, dataDir: string): TestTorrent => {
  const raw = readFileSync(file)
  const { value, spans } = Bencode.decodeDict(raw)
  const info = value["info"] as Bencode.Dict
  const name = String(info["name"])
  const list = info["files"] as ReadonlyArray<Bencode.Dict> | undefined
  const files = list === undefined
    ? [{ path: name, length: info["length"] as number }]
    : list.map((entry) => ({
      path: [name, ...(entry["path"] as ReadonlyArray<Buffer>).map(String)].join("/"),
      length: entry["length"] as number,
    }))
  return {
    name,
    file,
    dataDir,
    infoHash: createHash("sha1").update(raw.subarray(...spans.get("info")!)).digest("hex"),
    pieceLength: info["piece length"] as number,
    pieceCount: (info["pieces"] as Buffer).length / 20,
    totalLength: files.reduce((sum, { length }) => sum + length, 0),
    files,
  }
}

/** The same torrent in a new file, with these trackers (one tier each) and the raw `info` unchanged. */
export const withTrackers = (
  torrent: TestTorrent,
  file: string,
  trackers: ReadonlyArray<string>,
): TestTorrent => {
  const raw = readFileSync(torrent.file)
  const info = raw.subarray(...Bencode.decodeDict(raw).spans.get("info")!)
  const outer = Bencode.encode({
    announce: trackers[0],
    "announce-list": trackers.length > 1 ? trackers.map((url) => [url]) : undefined,
  })
  // "announce…" sorts before "info", so the raw bytes can follow what is there
  writeFileSync(file, Buffer.concat([outer.subarray(0, -1), Buffer.from("4:info"), info, Buffer.from("e")]))
  return { ...torrent, file }
}

/** 256 MiB in one file, 256 KiB pieces. */
export const large = (dir: string): Promise<TestTorrent> =>
  make({ dir, name: "large.bin", files: [{ path: "", length: 256 * MIB }], pieceLength: 256 * KIB })

/** One file of `length` bytes, by default a good megabyte with a short last piece. */
export const small = (dir: string, length = 1_300_000, pieceLength = 32 * KIB): Promise<TestTorrent> =>
  make({ dir, name: "small.bin", files: [{ path: "", length }], pieceLength })

/** 40 files in nested folders, about 12 MB: an empty one, many smaller than a piece, some across several, odd names. */
export const nested = (dir: string): Promise<TestTorrent> => {
  const files: Array<DataFile> = [
    { path: "empty.dat", length: 0 },
    { path: "one byte", length: 1 },
    { path: "exactly-a-piece", length: 64 * KIB },
    { path: "a/b/c/d/e/deep.bin", length: 3 * MIB + 17 },
    { path: "a/b/two pieces", length: 128 * KIB },
    { path: "héllo/wörld — ☃.txt", length: 4_321 },
  ]
  for (let i = files.length; i < 40; i++) {
    const length = i % 5 === 0 ? 500_000 + 7_919 * i : 100 + 911 * i
    files.push({
      path: `part ${i % 4}/${i % 3 === 0 ? "sub/" : ""}file-${String(i).padStart(2, "0")}.bin`,
      length,
    })
  }
  return make({ dir, name: "nested", files, pieceLength: 64 * KIB })
}

/** SHA-256 of a file in hex, without reading it whole. */
export const sha256 = (path: string): string => {
  const hash = createHash("sha256")
  const chunk = Buffer.alloc(MIB)
  const file = openSync(path, "r")
  try {
    for (let read = readSync(file, chunk); read > 0; read = readSync(file, chunk)) {
      hash.update(chunk.subarray(0, read))
    }
  } finally {
    closeSync(file)
  }
  return hash.digest("hex")
}

/** The files of the torrent whose copy below `dir` is missing or differs: empty where the download is perfect. */
export const differing = (torrent: TestTorrent, dir: string): ReadonlyArray<string> =>
  torrent.files.flatMap(({ path }) => {
    try {
      return sha256(join(dir, path)) === sha256(join(torrent.dataDir, path)) ? [] : [path]
    } catch (error) {
      return [`${path} (${(error as NodeJS.ErrnoException).code})`]
    }
  })

/** Reads payload by its offset in the torrent, from the files in `torrent.dataDir`. */
export const payload = (
  torrent: TestTorrent,
): { read(offset: number, length: number): Buffer; close(): void } => {
  let offset = 0
  const files = torrent.files.map(({ path, length }) => {
    const start = offset
    offset += length
    return { start, length, fd: length === 0 ? -1 : openSync(join(torrent.dataDir, path), "r") }
  })
  return {
    read: (at, length) => {
      const bytes = Buffer.alloc(length)
      for (const { start, length: fileLength, fd } of files) {
        const from = Math.max(at, start)
        const to = Math.min(at + length, start + fileLength)
        if (from < to) readSync(fd, bytes, from - at, to - from, from - start)
      }
      return bytes
    },
    close: () => files.forEach(({ fd }) => fd >= 0 && closeSync(fd)),
  }
}

/** The bytes of a torrent's `info` dictionary. */
export const infoOf = (torrent: TestTorrent): Buffer => {
  const raw = readFileSync(torrent.file)
  return raw.subarray(...Bencode.decodeDict(raw).spans.get("info")!)
}

/** A magnet link to it, with these parameters besides. */
export const linkTo = (
  { infoHash, name }: TestTorrent,
  parameters: ReadonlyArray<readonly [key: string, value: string]> = [],
): string =>
  `magnet:?xt=urn:btih:${infoHash}&dn=${encodeURIComponent(name)}${
    parameters.map(([key, value]) => `&${key}=${encodeURIComponent(value)}`).join("")
  }`
