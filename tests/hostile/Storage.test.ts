/** Crashes and full disks between the data and what is remembered of it: the version before survives, and claims follow data. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import { readdirSync, readFileSync } from "node:fs"
import { expect } from "vitest"
import type { Bytes } from "../../core/base/Bytes.ts"
import * as Bitfield from "../../core/torrent/Bitfield.ts"
import * as Resume from "../../core/torrent/Resume.ts"
import * as BlockStore from "../../shell/BlockStore.ts"
import * as Faulty from "../../shell/Faulty.ts"
import * as Hasher from "../../shell/Hasher.ts"
import * as Layout from "../../shell/Layout.ts"
import * as MemoryDisk from "../../shell/MemoryDisk.ts"
import * as NodeResumeStore from "../../shell/node/NodeResumeStore.ts"
import * as ResumeStore from "../../shell/ResumeStore.ts"
import * as Resumption from "../../shell/Resumption.ts"
import { random } from "../contract/BlockStore.ts"
import * as Mount from "../shell/node/Mount.ts"
import { contentAt, torrentOf } from "../support/CoreSwarm.ts"
import { row } from "./Row.ts"

const DIRECTORY = "/downloads"
const metainfo = torrentOf(1_024, [3_000, 3_000])
const { geometry, infoHash } = metainfo

const piecesOf = (have: Bitfield.Bitfield): ReadonlyArray<number> => [...Bitfield.pieces(have)].map(Number)

const claiming = (pieces: Iterable<number>): Bitfield.Bitfield => {
  const have = Bitfield.make(geometry.pieceCount)
  for (const piece of pieces) Bitfield.set(have, piece)
  return have
}

/** A machine whose disk and resume data outlive its processes. */
const machine = () => {
  const disk = MemoryDisk.make()
  const saved = new Map<string, Bytes>()
  /** One process, which ends with its body, however that ends. */
  const run = <A>(
    body: (
      store: BlockStore.TorrentStore,
    ) => Effect.Effect<A, unknown, Hasher.Hasher | ResumeStore.ResumeStore>,
    plan = Faulty.none(),
  ): Promise<Exit.Exit<A, unknown>> =>
    Effect.gen(function* () {
      return yield* body(
        yield* (yield* BlockStore.BlockStore).open(Layout.of(metainfo, DIRECTORY, undefined)),
      )
    }).pipe(
      Effect.scoped,
      Effect.provide(Layer.mergeAll(
        Layer.provide(Faulty.blockStore(plan), BlockStore.layerMemory(disk)),
        Hasher.layerMemory,
        Layer.provide(Faulty.resumeStore(plan), ResumeStore.layerMemory(saved)),
      )),
      Effect.runPromiseExit,
    )
  const claims = (): ReadonlyArray<number> | undefined => {
    const bytes = saved.get(`${DIRECTORY}/${infoHash}`)
    const decoded = bytes === undefined ? undefined : Resume.decode(bytes, geometry, infoHash)
    return decoded?.ok === true ? piecesOf(decoded.value.have) : undefined
  }
  return { disk, run, claims }
}

const write = (store: BlockStore.TorrentStore, piece: number) => {
  const offset = piece * geometry.pieceBytes
  return store.write(offset, [contentAt(offset, Math.min(geometry.pieceBytes, geometry.totalBytes - offset))])
}

const save = (store: BlockStore.TorrentStore, pieces: Iterable<number>) =>
  Resumption.save(store, metainfo, DIRECTORY, {
    have: claiming(pieces),
    uploadedBytes: 0,
    downloadedBytes: 1,
  })

const existing = (store: BlockStore.TorrentStore) =>
  Effect.map(Resumption.existing(store, metainfo, DIRECTORY, () => {}), ({ have }) => piecesOf(have))

row(
  83,
  "a crash after the data and before the resume data -> the data is found, the old claims are no obstacle",
  async () => {
    const { claims, run } = machine()
    await run((store) =>
      Effect.all([write(store, 0), write(store, 4), save(store, [0, 4]), write(store, 2), write(store, 5)])
    )
    expect(claims()).toEqual([0, 4])
    expect(await run(existing)).toEqual(Exit.succeed([0, 2, 4, 5]))
  },
)

row(83, "a disk that fails to sync -> nothing new is claimed, the version before survives", async () => {
  for (const code of ["EIO", "ENOSPC"]) {
    const { claims, run } = machine()
    const plan = Faulty.scripted([["sync", 2, { _tag: "Fails", code }]])
    const exit = await run(
      (store) => Effect.all([write(store, 0), save(store, [0]), write(store, 3), save(store, [0, 3])]),
      plan,
    )
    expect(Exit.isFailure(exit)).toBe(true)
    expect(plan.struck).toHaveLength(1)
    expect(claims()).toEqual([0])
  }
})

row(
  83,
  "a disk that is full when resume data is saved -> the version before survives, and the data with it",
  async () => {
    const { claims, run } = machine()
    const plan = Faulty.scripted([["save", 2, { _tag: "Fails", code: "ENOSPC" }]])
    const exit = await run(
      (store) =>
        Effect.all([write(store, 0), save(store, [0]), write(store, 3), Effect.flip(save(store, [0, 3]))]),
      plan,
    )
    expect(exit).toMatchObject({ value: [undefined, undefined, undefined, { reason: "NoSpace" }] })
    expect(claims()).toEqual([0])
    expect(await run(existing)).toEqual(Exit.succeed([0, 3]))
  },
)

row(
  83,
  "data that never reached the disk under resume data that did -> not believed, because its file looks otherwise",
  async () => {
    const { disk, run } = machine()
    await run((store) => Effect.all([write(store, 0), write(store, 1), save(store, [0, 1])]))
    const [path, node] = [...disk.nodes].find(([, node]) => node._tag === "File")!
    // As a power failure could leave it on a disk that lies: with its length, empty, and of an older time.
    disk.nodes.set(path, {
      _tag: "File",
      bytes: new Uint8Array(3_000),
      mtimeMs: (node as MemoryDisk.File).mtimeMs - 1,
    })
    expect(await run(existing)).toEqual(Exit.succeed([]))
  },
)

// A small disk takes mounting, which is root's on Linux; the rows above don't need one.
if (Mount.isPossible) {
  row(
    83,
    "a real disk that is full -> NoSpace, the version before survives, and no half of the new one stays",
    () =>
      Effect.gen(function* () {
        const directory = yield* Mount.tmpfs("size=64k")
        const store = yield* ResumeStore.ResumeStore
        for (let round = 1; round <= 3; round++) {
          yield* store.save(directory, infoHash, random(10_000, round))
          const error = yield* Effect.flip(store.save(directory, infoHash, random(200_000, 9)))
          expect(error).toMatchObject({ _tag: "ResumeStoreError", reason: "NoSpace" })
          expect(readdirSync(`${directory}/.shoal`)).toEqual([`${infoHash}.resume`])
          expect(readFileSync(`${directory}/.shoal/${infoHash}.resume`).equals(random(10_000, round))).toBe(
            true,
          )
        }
      }).pipe(Effect.scoped, Effect.provide(NodeResumeStore.layer), Effect.runPromise),
  )
}
