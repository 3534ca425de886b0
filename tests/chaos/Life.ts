/**
 * The life of one download that is killed again and again, until it is complete. After each death what is on the disk is
 * compared with what is claimed; after each birth with what the run says it found.
 */
import { readFileSync } from "node:fs"
import { join } from "node:path"
import * as Rng from "../../core/base/Rng.ts"
import * as FakePeer from "../support/FakePeer.ts"
import * as Process from "../support/Process.ts"
import * as Shoal from "../support/Shoal.ts"
import * as Torrents from "../support/Torrents.ts"
import * as Damage from "./Damage.ts"
import type { Figures } from "./Figures.ts"
import * as Moments from "./Moments.ts"
import * as Truth from "./Truth.ts"

/** What the only peer gives: a download takes about as long as a start. */
const RATE_BYTES_PER_SEC = 12_000_000

/**
 * What a kill may cost: the pieces that were half there, which are as many as a run asks for at a time, and what was on
 * its way. The second is what the buffers of a local connection hold.
 */
const MOST_PIECES_BEGUN = 24
const MOST_BYTES_ON_THE_WAY = 2 * 1024 * 1024

/** A run that takes longer than this hangs, however loaded the machine is. */
const PATIENCE_MS = 120_000

const BLOCK_BYTES = 16 * 1024

export interface Life {
  readonly rng: Rng.Rng
  readonly subject: Truth.Subject
  readonly runtime: Shoal.Runtime
  /** Where it downloads to, and a place beside it. */
  readonly out: string
  readonly outside: string
  readonly home: string
  readonly figures: Figures
  /** Asked before each run: false when there have been enough kills, so that this life comes to its end. */
  readonly mayKill: () => boolean
}

/** Fails, naming what went wrong and how it came to that. */
export class ChaosError extends Error {}

/** Starts the download of a life from a peer. */
export const start = ({ home, out, runtime, subject }: Life, peer: FakePeer.FakePeer): Shoal.Run =>
  Shoal.download(subject.torrent.file, { out, home, runtime, peers: [peer.address] })

/** Waits for a run's end, which has to come. */
export const ended = async (run: Shoal.Run): Promise<Process.Exit> => {
  try {
    return await run.end(PATIENCE_MS)
  } catch (error) {
    throw new ChaosError(error instanceof Error ? error.message : String(error))
  }
}

/** Fails unless what the disk has and what is claimed of it go together. */
export const requireHonest = (life: Life, truth: Truth.Truth, story: ReadonlyArray<string>): void => {
  const { figures } = life
  if (truth.wronglyBelieved.length > 0) {
    figures.wronglyBelieved++
    throw new ChaosError(
      `pieces ${truth.wronglyBelieved.join(", ")} are believed and wrong\n${story.join("\n")}`,
    )
  }
}

/** Fails unless every file is what it should be. */
export const requireWhole = (life: Life, story: ReadonlyArray<string>): void => {
  const wrong = Torrents.differing(life.subject.torrent, life.out)
  if (wrong.length === 0) return
  life.figures.corrupt++
  throw new ChaosError(`complete, and wrong: ${wrong.join(", ")}\n${story.join("\n")}`)
}

/** Runs and kills one download until it is complete. */
export const live = async (life: Life): Promise<void> => {
  const { figures, out, outside, rng, subject } = life
  await using peer = await FakePeer.start(subject.torrent, { rateBytesPerSec: RATE_BYTES_PER_SEC })
  const story: Array<string> = []
  let isResumeOurs = true
  for (;;) {
    const wound = Rng.below(rng, 5) < 2 ? Damage.draw({ rng, subject, out, outside }) : undefined
    if (wound !== undefined) {
      figures.damages.set(wound.name, (figures.damages.get(wound.name) ?? 0) + 1)
      story.push(`damage: ${wound.name}`)
      if (wound.isResumeOurs === false) isResumeOurs = false
    }
    const before = Truth.look(subject, out)
    const resumeBefore = isResumeOurs ? undefined : readFileSync(Truth.resumeFile(subject, out))
    const sentBefore = peer.stats.blocksSent
    const missing = subject.torrent.pieceCount - before.good.size
    const isRefused = wound?.refusal !== undefined
    const moment = life.mayKill() && !isRefused ? Moments.draw(rng, missing, out) : undefined
    await using run = start(life, peer)
    await moment?.strike(run)
    const exit = await ended(run)
    const after = Truth.look(subject, out)
    const found = run.events.find(({ event }) => event === "started")?.["piecesHave"]
    story.push(
      `${moment?.name ?? "no kill"}: ${exit.signal ?? exit.code}, pieces ${before.good.size} (it said ${
        found ?? "nothing"
      }) to ${after.good.size}, resume data ${after.resume}`,
    )
    figures.runs++

    if (found !== undefined && Number(found) > before.good.size) {
      figures.wronglyBelieved++
      throw new ChaosError(`it believed ${found} pieces\n${story.join("\n")}\n${run.log()}`)
    }
    requireHonest(life, after, story)
    if (after.resume === "torn") {
      const now = readFileSync(Truth.resumeFile(subject, out))
      if (resumeBefore?.equals(now) !== true) {
        figures.torn++
        throw new ChaosError(`torn resume data\n${story.join("\n")}`)
      }
    } else isResumeOurs = true

    if (exit.signal === "SIGKILL") {
      const sentBytes = (peer.stats.blocksSent - sentBefore) * BLOCK_BYTES
      const refetched = Math.max(0, sentBytes - Math.max(0, after.goodBytes - before.goodBytes))
      figures.kills.push({ moment: moment!.name, refetchedBytes: refetched })
      const bound = MOST_PIECES_BEGUN * subject.torrent.pieceLength + MOST_BYTES_ON_THE_WAY
      if (refetched > bound) {
        throw new ChaosError(
          `${refetched} bytes lost by a kill, at most ${bound} may be\n${story.join("\n")}`,
        )
      }
      if (after.good.size < before.good.size) throw new ChaosError(`pieces were lost\n${story.join("\n")}`)
    } else if (exit.code === 0) {
      wound?.heal?.()
      if (isRefused && wound.mayPass !== true) throw new ChaosError(`not refused\n${story.join("\n")}`)
      requireWhole(life, story)
      if (after.resume === "whole" && after.believed < after.good.size) {
        throw new ChaosError(`resume data that is out of date\n${story.join("\n")}`)
      }
      figures.completed++
      return
    } else if (exit.code === 1 && wound?.refusal?.test(run.child.stderr()) === true) {
      wound.heal?.()
      figures.refusals++
    } else if (exit.code !== 130) {
      throw new ChaosError(`ended with ${exit.code ?? exit.signal}\n${story.join("\n")}\n${run.log()}`)
    }
  }
}

/** The folders of one life below `folder`. */
export const foldersIn = (folder: string) => ({
  out: join(folder, "out"),
  outside: join(folder, "outside"),
  home: join(folder, "home"),
})
