/** Kills of the other commands that write files: `seed`, which has resume data of its own, and `create`. */
import { copyFileSync, existsSync, mkdirSync, readFileSync, rmSync } from "node:fs"
import { join } from "node:path"
import * as Parse from "../../core/metainfo/Parse.ts"
import * as Rng from "../../core/base/Rng.ts"
import * as Shoal from "../support/Shoal.ts"
import * as Life from "./Life.ts"
import * as Truth from "./Truth.ts"

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

/** Kills a seed while it starts, checks or saves; no byte of the data may change, nothing wrong be believed. */
export const seed = async (life: Life.Life): Promise<void> => {
  const { figures, home, out, rng, runtime, subject } = life
  const { torrent } = subject
  mkdirSync(out, { recursive: true })
  for (const { path } of torrent.files) copy(join(torrent.dataDir, path), join(out, path))
  for (let kills = 1 + Rng.below(rng, 3); kills > 0; kills--) {
    await using run = Shoal.start(["seed", torrent.file, "--data", out, "--json", ...Shoal.OFFLINE], {
      home,
      runtime,
    })
    const isLate = Rng.below(rng, 2) === 0
    if (isLate) {
      await Promise.race([run.event("started", undefined, 120_000).catch(() => undefined), run.exited])
    }
    await pause(Rng.below(rng, isLate ? 60 : 500))
    run.child.signal("SIGKILL")
    const exit = await Life.ended(run)
    if (exit.signal !== "SIGKILL") throw new Life.ChaosError(`seed ended with ${exit.code}\n${run.log()}`)
    figures.otherKills++
    const truth = Truth.look(subject, out)
    if (truth.good.size !== torrent.pieceCount) {
      figures.corrupt++
      throw new Life.ChaosError("a seed changed its data")
    }
    if (truth.resume === "torn") {
      figures.torn++
      throw new Life.ChaosError("a seed left torn resume data")
    }
  }
}

const copy = (from: string, to: string): void => {
  mkdirSync(join(to, ".."), { recursive: true })
  copyFileSync(from, to)
}

/** Kills `create` at any moment: its file is there as a whole or not at all, and the same command makes it. */
export const create = async (life: Life.Life): Promise<void> => {
  const { figures, home, out, rng, runtime, subject } = life
  const { torrent } = subject
  mkdirSync(out, { recursive: true })
  const file = join(out, "made.torrent")
  const args = ["create", join(torrent.dataDir, torrent.name), "-o", file, "--no-date"]
  let made: Uint8Array | undefined
  for (let kills = 1 + Rng.below(rng, 3); kills > 0; kills--) {
    rmSync(file, { force: true })
    await using run = Shoal.start(args, { home, runtime })
    await pause(100 + Rng.below(rng, 500))
    run.child.signal("SIGKILL")
    const exit = await Life.ended(run)
    if (exit.signal === "SIGKILL") figures.otherKills++
    if (!existsSync(file)) continue
    const bytes = readFileSync(file)
    const parsed = Parse.parse(bytes, { names: "posix" })
    if (!parsed.ok || (made !== undefined && !bytes.equals(made))) {
      figures.corrupt++
      throw new Life.ChaosError(`create left ${bytes.length} bytes that are no torrent`)
    }
    made = bytes
  }
  rmSync(file, { force: true })
  await using run = Shoal.start(args, { home, runtime })
  const exit = await Life.ended(run)
  if (exit.code !== 0 || !Parse.parse(readFileSync(file), { names: "posix" }).ok) {
    throw new Life.ChaosError(`create ended with ${exit.code} after it had been killed\n${run.log()}`)
  }
  figures.completed++
}
