/** Links and names that meet: what a torrent may not reach, and whose file a file is. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import {
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs"
import { join } from "node:path"
import { expect } from "vitest"
import { latin1 } from "../../core/base/Bytes.ts"
import { err } from "../../core/base/Result.ts"
import { sha1 } from "../../core/base/Sha1.ts"
import * as Encode from "../../core/bencode/Encode.ts"
import type { Metainfo } from "../../core/metainfo/Metainfo.ts"
import * as Parse from "../../core/metainfo/Parse.ts"
import { failure } from "../../core/tracker/Announce.ts"
import { BlockStore, type TorrentStore } from "../../shell/BlockStore.ts"
import * as Engine from "../../shell/Engine.ts"
import * as Hasher from "../../shell/Hasher.ts"
import * as Layout from "../../shell/Layout.ts"
import * as NodeBlockStore from "../../shell/node/NodeBlockStore.ts"
import * as NodeHasher from "../../shell/node/NodeHasher.ts"
import * as NodeResumeStore from "../../shell/node/NodeResumeStore.ts"
import * as Preflight from "../../shell/node/Preflight.ts"
import { ResumeStore } from "../../shell/ResumeStore.ts"
import * as Session from "../../shell/Session.ts"
import type { StorageError } from "../../shell/StorageError.ts"
import * as TrackerClient from "../../shell/TrackerClient.ts"
import * as Transport from "../../shell/Transport.ts"
import { request, sessionOptions } from "../shell/SessionScene.ts"
import * as TempDir from "../support/TempDir.ts"
import { row } from "./Row.ts"

const PIECE_BYTES = 16_384
const SECRET = "the user's own"

interface Entry {
  readonly path: ReadonlyArray<string>
  readonly bytes?: number
  /** Where a symbolic link leads (BEP 47). */
  readonly link?: ReadonlyArray<string>
}

/** A torrent of zeros with these files. */
const torrentOf = (entries: ReadonlyArray<Entry>): Metainfo => {
  const totalBytes = entries.reduce((sum, { bytes = 0, link }) => sum + (link === undefined ? bytes : 0), 0)
  const pieces = new Uint8Array(Math.ceil(totalBytes / PIECE_BYTES) * 20)
  for (let at = 0; at * PIECE_BYTES < totalBytes; at++) {
    pieces.set(sha1(new Uint8Array(Math.min(PIECE_BYTES, totalBytes - at * PIECE_BYTES))), at * 20)
  }
  const parsed = Parse.parse(
    Encode.encode({
      info: {
        name: latin1("t"),
        "piece length": PIECE_BYTES,
        pieces,
        files: entries.map(({ bytes = 0, link, path }) => ({
          length: bytes,
          path: path.map(latin1),
          ...(link === undefined ? {} : { attr: latin1("l"), "symlink path": link.map(latin1) }),
        })),
      },
    }),
    { names: "posix" },
  )
  if (!parsed.ok) throw new Error(parsed.error.message)
  return parsed.value
}

interface Scene {
  /** Where is downloaded to, and what must not change: a folder beside it with a file of the user's. */
  readonly directory: string
  readonly outside: string
}

const withFolders = async (body: (scene: Scene) => Promise<void>): Promise<void> => {
  using folder = TempDir.make("links")
  const scene = { directory: folder.sub("downloads"), outside: folder.sub("outside") }
  writeFileSync(join(scene.outside, "passwd"), SECRET)
  await body(scene)
  expect(readdirSync(scene.outside), "nothing was made outside").toEqual(["passwd"])
  expect(readFileSync(join(scene.outside, "passwd"), "utf8"), "nothing was written outside").toBe(SECRET)
}

/** Does something with a torrent's store; gives the error that it ended with, if it did. */
const attempt = (
  metainfo: Metainfo,
  directory: string,
  body: (store: TorrentStore) => Effect.Effect<unknown, StorageError>,
  layer: Layer.Layer<BlockStore> = NodeBlockStore.layer,
): Promise<StorageError | undefined> =>
  Effect.gen(function* () {
    const store = yield* (yield* BlockStore).open(Layout.of(metainfo, directory, undefined))
    yield* body(store)
    return undefined
  }).pipe(
    Effect.catchAll((error) => Effect.succeed(error)),
    Effect.scoped,
    Effect.provide(layer),
    Effect.runPromise,
  )

/** Checks, writes everything and makes the empty files: all that a download does. */
const writeAll = (metainfo: Metainfo) => (store: TorrentStore) =>
  Effect.all([store.check, store.write(0, [new Uint8Array(metainfo.geometry.totalBytes)]), store.createEmpty])

const data: Entry = { path: ["data"], bytes: 20_000 }
const chain = Array.from({ length: 40 }, (_, i): Entry => ({ path: [`link${i}`], link: [`link${i + 1}`] }))

const SYMLINKS: ReadonlyArray<readonly [string, ReadonlyArray<Entry>]> = [
  ["to ../../outside", [data, { path: ["l"], link: ["..", "..", "outside"] }]],
  ["to an absolute path", [data, { path: ["l"], link: ["", "etc", "passwd"] }]],
  ["to itself", [data, { path: ["l"], link: ["l"] }]],
  ["in a chain of 40", [data, ...chain]],
  ["to a folder of the torrent", [{ path: ["d", "f"], bytes: 20_000 }, { path: ["l"], link: ["d"] }]],
  ["that a file lies behind", [{ path: ["l"], link: ["..", "..", "outside"] }, {
    path: ["l", "passwd"],
    bytes: 20_000,
  }]],
  ["of a file's name", [data, { path: ["data"], link: ["..", "..", "outside", "passwd"] }]],
]

for (const [what, entries] of SYMLINKS) {
  row(
    38,
    `a torrent with a symbolic link ${what} -> no link is created, nothing outside is touched`,
    () =>
      withFolders(async ({ directory }) => {
        const metainfo = torrentOf(entries)
        expect(metainfo.warnings).toContain("symbolic links are not created")
        expect(await attempt(metainfo, directory, writeAll(metainfo))).toBeUndefined()
        const made = TempDir.list(directory)
        expect(made.filter((name) => name.endsWith("@"))).toEqual([])
        expect(made.filter((name) => !name.endsWith("/"))).toEqual(
          metainfo.files.filter(({ isSymlink }) => isSymlink !== true).map(({ path }) => path).sort(),
        )
      }),
  )
}

/** What stands in the way of `t/d/f`, given its place. */
const EXISTING: ReadonlyArray<readonly [string, (scene: Scene) => void, path: string]> = [
  ["file's place, to a file outside", ({ directory, outside }) => {
    mkdirSync(join(directory, "t/d"), { recursive: true })
    symlinkSync(join(outside, "passwd"), join(directory, "t/d/f"))
  }, "t/d/f"],
  ["file's place, to nothing yet", ({ directory, outside }) => {
    mkdirSync(join(directory, "t/d"), { recursive: true })
    symlinkSync(join(outside, "new"), join(directory, "t/d/f"))
  }, "t/d/f"],
  ["folder's place", ({ directory, outside }) => {
    mkdirSync(join(directory, "t"))
    symlinkSync(outside, join(directory, "t/d"))
  }, "t/d"],
  ["place of the torrent's own folder", ({ directory, outside }) => {
    symlinkSync(outside, join(directory, "t"))
  }, "t"],
]

for (const [where, make, path] of EXISTING) {
  row(
    39,
    `a symbolic link in the ${where} -> Conflict that names it, before and while writing`,
    () =>
      withFolders(async (scene) => {
        make(scene)
        const metainfo = torrentOf([{ path: ["d", "f"], bytes: 20_000 }])
        const early = await attempt(metainfo, scene.directory, (store) => store.check)
        expect(early).toMatchObject({ reason: "Conflict", path: join(scene.directory, path) })
        expect(early!.message).toContain("symbolic link")
        const late = await attempt(
          metainfo,
          scene.directory,
          (store) => store.write(0, [new Uint8Array(20_000)]),
        )
        expect(late).toMatchObject({ _tag: "StorageError", reason: "Conflict" })
      }),
  )
}

row(
  39,
  "a link in the place of the folder for resume data -> refused, and nothing is saved through it",
  () =>
    withFolders(async ({ directory, outside }) => {
      symlinkSync(outside, join(directory, ".shoal"))
      const error = await Effect.gen(function* () {
        return yield* Effect.flip(
          (yield* ResumeStore).save(directory, torrentOf([data]).infoHash, new Uint8Array(10)),
        )
      }).pipe(Effect.provide(NodeResumeStore.layer), Effect.runPromise)
      expect(error).toMatchObject({ _tag: "ResumeStoreError", reason: "Conflict" })
    }),
)

const two = torrentOf([{ path: ["d", "f"], bytes: 20_000 }, { path: ["e", "g"], bytes: 20_000 }])

row(
  39,
  "a folder that becomes a link between two writes -> the next opening refuses it",
  () =>
    withFolders(async ({ directory, outside }) => {
      const error = await attempt(
        two,
        directory,
        (store) =>
          Effect.gen(function* () {
            yield* store.write(0, [new Uint8Array(40_000)]) // with room for one file, the first is closed again
            renameSync(join(directory, "t/d"), join(directory, "moved"))
            symlinkSync(outside, join(directory, "t/d"))
            yield* store.write(0, [new Uint8Array(10)])
          }),
        NodeBlockStore.layerWith({ capacity: 1 }),
      )
      expect(error).toMatchObject({ reason: "Conflict", path: join(directory, "t/d") })
    }),
)

row(
  39,
  "a folder swapped for a link just while a file is opened -> what was opened is not what the path names",
  () =>
    withFolders(async ({ directory, outside }) => {
      const path = join(directory, "t/d/f")
      mkdirSync(join(directory, "t/d"), { recursive: true })
      writeFileSync(path, "")
      const opened = lstatSync(join(outside, "passwd")) // by way of a link that is gone again
      await expect(Preflight.requireSame(directory, path, opened)).rejects.toMatchObject({
        reason: "Conflict",
        path,
      })
      await Preflight.requireSame(directory, path, lstatSync(path))
      renameSync(join(directory, "t/d"), join(directory, "moved"))
      symlinkSync(outside, join(directory, "t/d")) // or one that is still there
      await expect(Preflight.requireSame(directory, path, opened)).rejects.toMatchObject({
        reason: "Conflict",
        path: join(directory, "t/d"),
      })
    }),
)

row(
  39,
  "a file that becomes a link while it is open -> what is written stays in the file that was opened",
  () =>
    withFolders(async ({ directory, outside }) => {
      const moved = join(directory, "moved")
      const file = join(directory, "t/d/f")
      const error = await attempt(two, directory, (store) =>
        Effect.gen(function* () {
          yield* store.write(0, [new Uint8Array(10)])
          renameSync(file, moved)
          symlinkSync(join(outside, "passwd"), file)
          yield* store.write(10, [Uint8Array.of(1, 2, 3)])
          expect([...readFileSync(moved).subarray(10, 13)]).toEqual([1, 2, 3])
          // What is there now is not what was written to: nobody takes it for that.
          const stats = yield* store.stats
          expect(stats[0]).toBeUndefined()
          yield* (yield* Hasher.Hasher).sha1(store, 0, 20)
        }).pipe(Effect.provide(NodeHasher.layer)))
      expect(error).toMatchObject({ reason: "Conflict", path: file })
    }),
)

row(
  39,
  "a hard link to a file outside -> refused before a byte is written, since both would change",
  () =>
    withFolders(async ({ directory, outside }) => {
      const metainfo = torrentOf([{ path: ["d", "f"], bytes: 20_000 }])
      mkdirSync(join(directory, "t/d"), { recursive: true })
      linkSync(join(outside, "passwd"), join(directory, "t/d/f"))
      const error = await attempt(metainfo, directory, (store) => store.write(0, [new Uint8Array(20_000)]))
      expect(error).toMatchObject({ reason: "Conflict", path: join(directory, "t/d/f") })
      expect(error!.message).toContain("hard link")
      expect(lstatSync(join(directory, "t/d/f")).size).toBe(SECRET.length)
    }),
)

row(
  39,
  "a file that gets a hard link while the torrent writes to it -> it goes on, the user wanted that",
  () =>
    withFolders(async ({ directory }) => {
      const error = await attempt(
        two,
        directory,
        (store) =>
          Effect.gen(function* () {
            yield* store.write(0, [new Uint8Array(40_000)])
            linkSync(join(directory, "t/d/f"), join(directory, "other"))
            yield* store.write(0, [Uint8Array.of(7)])
            yield* store.sync
          }),
        NodeBlockStore.layerWith({ capacity: 1 }),
      )
      expect(error).toBeUndefined()
      expect(readFileSync(join(directory, "other"))[0]).toBe(7)
    }),
)

/** A session on real files, which finds no peers. */
const inSession = <A>(
  body: (session: Context.Tag.Service<typeof Session.Session>) => Effect.Effect<A, unknown, never>,
) =>
  Effect.gen(function* () {
    return yield* body(yield* Session.Session)
  }).pipe(
    Effect.provide(Layer.provide(
      Session.layer(sessionOptions),
      Layer.mergeAll(
        Transport.layerMemory(),
        NodeBlockStore.layer,
        Engine.layerTrackersOnly,
        Hasher.layerMemory,
        NodeResumeStore.layer,
        TrackerClient.layerMemory(() => err(failure("Unreachable", "down"))),
      ),
    )),
    Effect.runPromise,
  )

row(
  39,
  "a session that is to download through a link -> Conflict, before anybody is asked for anything",
  () =>
    withFolders(async ({ directory, outside }) => {
      symlinkSync(outside, join(directory, "t"))
      const error = await inSession((session) =>
        Effect.flip(Effect.scoped(session.add(request(two, { directory }))))
      )
      expect(error).toMatchObject({ _tag: "SessionError", reason: "Conflict" })
    }),
)

row(
  40,
  "two torrents with one file of the same path -> the second writes nothing there, the first goes on",
  () =>
    withFolders(async ({ directory }) => {
      const one = torrentOf([{ path: ["d", "f"], bytes: 20_000 }])
      const other = torrentOf([{ path: ["d", "f"], bytes: 30_000 }, { path: ["own"], bytes: 10_000 }])
      expect(other.infoHash).not.toBe(one.infoHash)
      await Effect.gen(function* () {
        const { open } = yield* BlockStore
        const first = yield* open(Layout.of(one, directory, undefined))
        const second = yield* open(Layout.of(other, directory, undefined))
        const error = yield* Effect.flip(second.write(0, [new Uint8Array(100).fill(2)]))
        expect(error).toMatchObject({ reason: "Conflict", path: join(directory, "t/d/f") })
        expect(error.message).toContain("another torrent")
        expect(existsSync(join(directory, "t/d/f"))).toBe(false)
        yield* first.write(0, [new Uint8Array(20_000).fill(1)])
        // What is its own is not refused.
        yield* second.write(30_000, [new Uint8Array(10_000).fill(2)])
        expect((yield* first.read(0, 1))[0]).toBe(1)
      }).pipe(Effect.scoped, Effect.provide(NodeBlockStore.layer), Effect.runPromise)
    }),
)

row(
  40,
  "two torrents with the same bytes in one file -> shared, because nobody has to write to it",
  () =>
    withFolders(async ({ directory }) => {
      const one = torrentOf([{ path: ["d", "f"], bytes: 20_000 }])
      const other = torrentOf([{ path: ["d", "f"], bytes: 20_000 }, { path: ["z"] }])
      mkdirSync(join(directory, "t/d"), { recursive: true })
      writeFileSync(join(directory, "t/d/f"), new Uint8Array(20_000))
      await inSession((session) =>
        Effect.scoped(Effect.gen(function* () {
          const first = yield* session.add(request(one, { directory }))
          const second = yield* session.add(request(other, { directory }))
          yield* first.completed
          yield* second.completed
        }))
      )
      rmSync(join(directory, "t/z"))
      expect(readdirSync(join(directory, "t"))).toEqual(["d"])
    }),
)
