/** Downloads to disks that fill up, become read-only or lose their power: they end with a word, and go on afterwards. */
import * as Rng from "../../core/base/Rng.ts"
import * as FakePeer from "../support/FakePeer.ts"
import type { Run } from "../support/Shoal.ts"
import type * as Disks from "./Disks.ts"
import * as Life from "./Life.ts"
import * as Truth from "./Truth.ts"

/** Slow enough that a disk can be filled while it lasts. */
const RATE_BYTES_PER_SEC = 6_000_000

const verified = async (run: Run, count: number): Promise<void> => {
  const enough = run.event(
    "piece",
    () => run.events.filter((event) => event.event === "piece" && event["ok"] === true).length >= count,
    120_000,
  )
  await Promise.race([enough.catch(() => undefined), run.exited])
}

/** Runs until the disk has failed it; gives how that ended. */
const failing = async (life: Life.Life, peer: FakePeer.FakePeer, fail: (run: Run) => Promise<void>) => {
  await using run = Life.start(life, peer)
  life.figures.runs++
  await fail(run)
  return { exit: await Life.ended(run), stderr: run.child.stderr(), log: run.log() }
}

const finish = async (
  life: Life.Life,
  peer: FakePeer.FakePeer,
  story: ReadonlyArray<string>,
): Promise<void> => {
  await using run = Life.start(life, peer)
  life.figures.runs++
  const exit = await Life.ended(run)
  if (exit.code !== 0) throw new Life.ChaosError(`ended with ${exit.code}\n${story.join("\n")}\n${run.log()}`)
  Life.requireWhole(life, story)
  life.figures.completed++
}

/** One download to `disk`, which is its own, with what can happen to such a disk on its way. */
export const live = async (life: Life.Life, disk: Disks.Disk): Promise<void> => {
  const { figures, rng, subject } = life
  const { pieceCount } = subject.torrent
  await using peer = await FakePeer.start(subject.torrent, { rateBytesPerSec: RATE_BYTES_PER_SEC })
  const some = () => 1 + Rng.below(rng, Math.floor(pieceCount / 2))
  const story: Array<string> = []
  const tell = (what: string): void => {
    const truth = Truth.look(subject, life.out)
    story.push(
      `${what}: ${truth.good.size} good pieces, resume data ${truth.resume}, believed ${truth.believed}`,
    )
    Life.requireHonest(life, truth, story)
    if (truth.resume !== "torn") return
    figures.torn++
    throw new Life.ChaosError(`torn resume data\n${story.join("\n")}`)
  }

  const full = await failing(life, peer, async (run) => {
    await verified(run, some())
    disk.fill()
  })
  if (full.exit.code !== 0) {
    figures.diskFailures++
    if (full.exit.code !== 1 || !/full|are free/.test(full.stderr)) {
      throw new Life.ChaosError(`a full disk ended it with ${full.exit.code}\n${full.log}`)
    }
  }
  tell("full disk")
  disk.makeRoom()

  disk.remount("ro")
  const readOnly = await failing(life, peer, () => Promise.resolve())
  disk.remount("rw")
  if (readOnly.exit.code === 1 && /read-only/.test(readOnly.stderr)) figures.refusals++
  else if (readOnly.exit.code !== 0) {
    throw new Life.ChaosError(`a read-only disk ended it with ${readOnly.exit.code}\n${readOnly.log}`)
  }
  tell("read-only disk")

  for (let cuts = 0; cuts < 3; cuts++) {
    const isSaved = Rng.below(rng, 2) === 0
    const cut = await failing(life, peer, async (run) => {
      await verified(run, 1 + Rng.below(rng, Math.ceil(pieceCount / 4)))
      if (isSaved) {
        run.child.signal("SIGINT")
        if (Rng.below(rng, 2) === 0) await run.exited
      }
      disk.cutPower()
      if (Rng.below(rng, 2) === 0) run.child.signal("SIGKILL")
    })
    figures.powerFailures++
    // A disk that fails under it is an error that names it; with SIGINT it may have left in time.
    if (cut.exit.signal === null && ![0, 1, 130].includes(cut.exit.code ?? -1)) {
      throw new Life.ChaosError(`a dead disk ended it with ${cut.exit.code}\n${cut.log}`)
    }
    if (cut.exit.code === 1 && !/cannot/.test(cut.stderr)) {
      throw new Life.ChaosError(`a dead disk was not named\n${cut.log}`)
    }
    disk.restart()
    tell("power failure")
  }
  await finish(life, peer, story)
}
