/** A torrent's peers as far as choking goes: carries decisions out, round after round, and counts who got what. */
import * as Rng from "../../../core/base/Rng.ts"
import * as Choker from "../../../core/torrent/Choker.ts"

interface Behaviour {
  readonly downloadRateBytesPerSec: number
  /** What it takes in a round while it is unchoked. */
  readonly uploadPerRoundBytes: number
  readonly pieceFraction: number
}

type Mutable<A> = { -readonly [K in keyof A]: A[K] }

export interface ChokeSwarm {
  readonly policy: Choker.PolicyName
  readonly slots: number
  readonly rng: Rng.Rng
  readonly peers: Map<number, { readonly state: Mutable<Choker.ChokePeer>; readonly behaviour: Behaviour }>
  /** Rounds that each peer was unchoked for, and those of them by merit. */
  readonly rounds: Map<number, number>
  readonly merits: Map<number, number>
  longestWaitMs: number
  now: number
}

export const make = (policy: Choker.PolicyName, slots: number, seed: number): ChokeSwarm => ({
  policy,
  slots,
  rng: Rng.make(seed),
  peers: new Map(),
  rounds: new Map(),
  merits: new Map(),
  longestWaitMs: 0,
  now: 5_000,
})

/** An interested peer connects. */
export const join = (swarm: ChokeSwarm, key: number, behaviour: Partial<Behaviour>): void => {
  const full = { downloadRateBytesPerSec: 0, uploadPerRoundBytes: 0, pieceFraction: 0, ...behaviour }
  swarm.peers.set(key, {
    behaviour: full,
    state: {
      key,
      isInterested: true,
      isUnchoked: false,
      isOptimistic: false,
      isSnubbed: false,
      downloadRateBytesPerSec: full.downloadRateBytesPerSec,
      uploadRateBytesPerSec: 0,
      uploadedSinceUnchokeBytes: 0,
      lastUnchokedAt: -Infinity,
      connectedAt: swarm.now,
      isSeedOrUploadOnly: false,
      pieceFraction: full.pieceFraction,
    },
  })
}

export const run = (swarm: ChokeSwarm, rounds: number): void => {
  for (let i = 0; i < rounds; i++) round(swarm)
}

const round = (swarm: ChokeSwarm): void => {
  const decision = Choker.decide(Choker.policies[swarm.policy], {
    now: swarm.now,
    isSeeding: swarm.policy !== "tit-for-tat",
    slots: swarm.slots,
    pieceBytes: 2 ** 18,
    peers: [...swarm.peers.values()].map(({ state }) => state),
    rng: swarm.rng,
  })
  for (const [key, { behaviour, state }] of swarm.peers) {
    const isUnchoked = decision.unchoked.has(key)
    if (isUnchoked && !state.isUnchoked) {
      const waitMs = swarm.now - Math.max(state.lastUnchokedAt, state.connectedAt)
      swarm.longestWaitMs = Math.max(swarm.longestWaitMs, waitMs)
      state.lastUnchokedAt = swarm.now
      state.uploadedSinceUnchokeBytes = 0
    }
    state.isUnchoked = isUnchoked
    state.isOptimistic = decision.optimistic.has(key)
    state.uploadRateBytesPerSec = isUnchoked ? behaviour.uploadPerRoundBytes / 10 : 0
    if (!isUnchoked) continue
    state.uploadedSinceUnchokeBytes += behaviour.uploadPerRoundBytes
    swarm.rounds.set(key, (swarm.rounds.get(key) ?? 0) + 1)
    if (!state.isOptimistic) swarm.merits.set(key, (swarm.merits.get(key) ?? 0) + 1)
  }
  swarm.now += Choker.ROUND_MS
}
