/**
 * Looks after all torrents of a session: gives up those that have nobody to download from, and saves what has changed.
 * One that is idle has no fiber and no timer of its own.
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import type * as Cause from "effect/Cause"
import type * as Scope from "effect/Scope"
import type { Driver } from "./Driver.ts"
import type { ResumeStore } from "./ResumeStore.ts"
import * as Torrent from "./Torrent.ts"

const ROUND = "1 second"

/** How many rounds pass before all are saved that have changed: what a power cut may cost is a recheck, never data. */
const SAVE_ROUNDS = 30

/** Torrents saved at a time: the device takes several at the price of one. */
const SAVES_AT_A_TIME = 16

export interface Caretaker {
  /** Looks after a torrent, to its end. */
  readonly take: (torrent: Torrent.Torrent) => void
  readonly leave: (torrent: Torrent.Torrent) => void
  /** It is in its swarm now, or never will be. */
  readonly entered: (torrent: Torrent.Torrent) => Effect.Effect<void>
}

/** Does its rounds from the first torrent on, until the scope ends. */
export const make = (driver: Driver): Effect.Effect<Caretaker, never, ResumeStore | Scope.Scope> =>
  Effect.gen(function* () {
    const torrents = new Set<Torrent.Torrent>()
    /** Checked in this run: that is saved once no torrent has to wait for it any more. */
    const fresh = new Set<Torrent.Torrent>()
    const first = yield* Deferred.make<void>()
    let entering = 0
    let crash: Cause.Cause<never> | undefined

    const watch = Effect.sync(() => torrents.forEach(Torrent.giveUpIfHopeless))

    let rounds = 0
    const save = Effect.suspend(() => {
      const isForAll = ++rounds % SAVE_ROUNDS === 0
      if (!isForAll && (fresh.size === 0 || entering > 0)) return Effect.void
      const due = [...(isForAll ? torrents : fresh)].filter(Torrent.isChanged)
      fresh.clear()
      return Effect.forEach(due, Torrent.keep, { concurrency: SAVES_AT_A_TIME, discard: true })
    })

    // By sleeping: a schedule reckons with the wall clock, which may jump.
    const round = (body: Effect.Effect<void, never, ResumeStore>) =>
      Effect.forkScoped(
        Effect.zipRight(Deferred.await(first), Effect.forever(Effect.zipRight(Effect.sleep(ROUND), body))),
      )
    yield* round(watch)
    yield* round(save)

    // A bug of ours is the end of all torrents alike.
    yield* Effect.forkScoped(Effect.catchAllCause(driver.crashed, (cause) =>
      Effect.sync(() => {
        crash = cause
        for (const torrent of torrents) Torrent.fail(torrent, cause)
      })))

    return {
      take: (torrent) => {
        torrents.add(torrent)
        entering++
        if (crash !== undefined) Torrent.fail(torrent, crash)
      },
      leave: (torrent) => {
        torrents.delete(torrent)
        fresh.delete(torrent)
      },
      entered: (torrent) =>
        Effect.suspend(() => {
          entering--
          if (torrent.request.mode === "seed") fresh.add(torrent)
          Torrent.giveUpIfHopeless(torrent)
          return Deferred.succeed(first, undefined)
        }),
    }
  })
