/**
 * The driver of `core/tracker/UdpClient.ts`: one socket, one timer, and a waiting fiber for each question. The socket is
 * opened for the first question and lives as long as the scope.
 */
import * as Effect from "effect/Effect"
import * as Scope from "effect/Scope"
import type { Address } from "../core/base/Address.ts"
import type { Millis } from "../core/base/Time.ts"
import { failure, type TrackerFailure } from "../core/tracker/Announce.ts"
import type * as UdpAnswer from "../core/tracker/UdpAnswer.ts"
import * as UdpClient from "../core/tracker/UdpClient.ts"
import { Datagram, type DatagramSocket } from "./Datagram.ts"
import * as Wake from "./Wake.ts"

export interface Options {
  /** Local address to send from; only trackers of its family are reached then. Absent: any of both. */
  readonly bind?: string | undefined
  /** 32 bits that nobody else can guess. */
  readonly transactionId?: Effect.Effect<number>
}

/** Asks the tracker at an IP literal; gives up after `limitMs`. Interruption takes the question back. */
export type AskAddress = (
  to: Address,
  question: UdpClient.Question,
  limitMs: Millis,
) => Effect.Effect<UdpAnswer.Answer, TrackerFailure>

// Not the runtime's own random numbers, which a tracker could foresee from a few that it got.
const unguessable = Effect.sync(() => crypto.getRandomValues(new Uint32Array(1))[0]!)

export const make = (
  { bind, transactionId = unguessable }: Options,
): Effect.Effect<AskAddress, never, Datagram | Scope.Scope> =>
  Effect.gen(function* () {
    const datagram = yield* Datagram
    const scope = yield* Effect.scope
    const { arm, now } = yield* Wake.make((now) => push({ _tag: "Tick", now }))
    const waiting = new Map<
      UdpClient.AskId,
      (answer: Effect.Effect<UdpAnswer.Answer, TrackerFailure>) => void
    >()
    let client = UdpClient.make()
    let nextAsk: UdpClient.AskId = 1
    let socket: DatagramSocket | undefined

    const push = (input: UdpClient.Input): void => {
      const [next, commands] = UdpClient.step(client, input)
      client = next
      for (const command of commands) {
        if (command._tag === "Send") socket?.send(command.packet, command.to)
        else {
          const { ask, result } = command
          waiting.get(ask)?.(result.ok ? Effect.succeed(result.value) : Effect.fail(result.error))
          waiting.delete(ask)
        }
      }
      arm(UdpClient.nextWake(client))
    }

    const openOnce = yield* Effect.makeSemaphore(1)
    const open = openOnce.withPermits(1)(Effect.suspend(() =>
      socket !== undefined ? Effect.void : datagram.bind({ host: bind, port: 0 }, {
        onMessage: (packet, from) => push({ _tag: "Received", now: now(), from, packet }),
        onUnsent: (to, reason) => push({ _tag: "Unsent", now: now(), to, reason }),
      }).pipe(
        Scope.extend(scope),
        Effect.map((opened) => void (socket = opened)),
        Effect.mapError((error) => failure("Unreachable", error.message)),
      )
    ))

    return (to, question, limitMs) =>
      Effect.gen(function* () {
        yield* open
        const id = nextAsk++
        const transaction = yield* transactionId
        return yield* Effect.async<UdpAnswer.Answer, TrackerFailure>((resume) => {
          waiting.set(id, resume)
          push({ _tag: "Ask", now: now(), ask: id, to, question, transactionId: transaction, limitMs })
          return Effect.sync(() => {
            waiting.delete(id)
            push({ _tag: "Cancel", now: now(), ask: id })
          })
        })
      })
  })
