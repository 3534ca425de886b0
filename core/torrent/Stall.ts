/**
 * Says why a download does not move: nobody is connected, nobody has what is missing, nobody gives it. It may move again at
 * any time, so that nothing ends; but who looks at a bar that stands still is told what it waits for.
 */
import { type Millis, NEVER } from "../base/Time.ts"
import * as Bitfield from "./Bitfield.ts"
import * as Candidates from "./Candidates.ts"
import * as Limits from "./Limits.ts"
import * as Peer from "./Peer.ts"
import * as Picker from "./Picker.ts"
import * as SelfDoubt from "./SelfDoubt.ts"
import * as State from "./State.ts"

/** When {@link run} next says something, unless a block comes. */
export const nextWake = (torrent: State.Torrent): Millis =>
  torrent.phase === "running" && !State.isComplete(torrent) ? torrent.stalledAt : NEVER

/** A block has come. */
export const moved = (torrent: State.Torrent, now: Millis): void => {
  torrent.stalledAt = now + Limits.STALLED_AFTER
}

/** Says what the download waits for, if it has waited for long. */
export const run = (torrent: State.Torrent, turn: State.Turn): void => {
  if (turn.now < nextWake(torrent)) return
  if (isHeld(torrent)) return moved(torrent, turn.now)
  torrent.stalledAt = turn.now + Limits.STALLED_AGAIN_AFTER
  const message = `stalled: ${why(torrent, turn)}`
  turn.out.push({ _tag: "Emit", torrent: torrent.id, event: { _tag: "Warning", reason: "Stalled", message } })
}

/** It is ourselves who don't go on: the download limit, or a disk that is busy. */
const isHeld = ({ peers, writes }: State.Torrent): boolean => {
  for (const { issuedBytes, isHashing, writtenBytes } of writes.values()) {
    if (isHashing || writtenBytes < issuedBytes) return true
  }
  for (const peer of Peer.ready(peers)) if (peer.isPaused) return true
  return false
}

const why = (torrent: State.Torrent, turn: State.Turn): string => {
  const { peers, picker } = torrent
  const pieces = count(Picker.missingWanted(picker), "missing piece")
  const ready = [...Peer.ready(peers)]
  if (ready.length === 0) return `no peer is connected for the ${pieces}${whereTheyAre(torrent, turn)}`
  let owned = 0
  for (const piece of Bitfield.pieces(picker.missing)) if (Picker.availability(picker, piece) > 0) owned++
  if (owned === 0) return `no peer has the ${pieces} (${count(ready.length, "peer")} connected)`
  const holders = ready.filter(({ amInterested }) => amInterested)
  const those = `${count(holders.length, "peer")} with ${owned} of the ${pieces}`
  return holders.every(({ isChoking }) => isChoking)
    ? `${those}, none lets us download`
    : `${those} send nothing`
}

/** Of a torrent without peers. Those who were banned last get another chance: it may have been our fault. */
const whereTheyAre = (torrent: State.Torrent, turn: State.Turn): string => {
  const { candidates } = torrent
  const pardoned = SelfDoubt.pardon(torrent, turn)
  if (pardoned > 0) {
    return `; ${
      count(pardoned, "peer")
    } had been banned for bad data and may try again; if it is bad again, ` +
      "check this machine's disk and memory"
  }
  const known = Candidates.size(candidates)
  const said = known === 0
    ? "nobody names one"
    : `${count(known, "known address", "known addresses")} to try again`
  return candidates.banned.size === 0
    ? `; ${said}`
    : `; ${candidates.banned.size} banned for bad data, ${said}`
}

const count = (number: number, one: string, many = `${one}s`): string =>
  `${number} ${number === 1 ? one : many}`
