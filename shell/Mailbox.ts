/** What is told to one reader: kept until somebody reads, and costing nothing until then. */
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"
import * as Stream from "effect/Stream"

/** Values kept for a reader who has not come yet, or who is slow. */
const CAPACITY = 16_384

/** Mutable, one owner. */
export interface Mailbox<A> {
  /** While nobody reads: the newest values. */
  kept: Array<A>
  reader: ((value: A) => void) | undefined
  /** Behind the stream, once somebody has asked for it. */
  queue: Queue.Queue<A> | undefined
  isClosed: boolean
}

export const make = <A>(): Mailbox<A> => ({ kept: [], reader: undefined, queue: undefined, isClosed: false })

export const push = <A>(mailbox: Mailbox<A>, value: A): void => {
  if (mailbox.isClosed) return
  if (mailbox.reader !== undefined) return mailbox.reader(value)
  mailbox.kept.push(value)
  if (mailbox.kept.length > CAPACITY) mailbox.kept.shift()
}

/** From now on `reader` gets each value at once, beginning with those that were kept. */
export const read = <A>(mailbox: Mailbox<A>, reader: (value: A) => void): void => {
  mailbox.reader = reader
  mailbox.kept.splice(0).forEach(reader)
}

/** The same for a reader who takes them when he likes; ends when the mailbox is closed. */
export const stream = <A>(mailbox: Mailbox<A>): Stream.Stream<A> =>
  Stream.unwrap(Effect.gen(function* () {
    if (mailbox.queue === undefined) {
      const queue = yield* Queue.sliding<A>(CAPACITY)
      mailbox.queue = queue
      read(mailbox, (value) => void queue.unsafeOffer(value))
      if (mailbox.isClosed) yield* Queue.shutdown(queue)
    }
    return Stream.fromQueue(mailbox.queue)
  }))

/** Nothing is told any more. */
export const close = <A>(mailbox: Mailbox<A>): Effect.Effect<void> =>
  Effect.suspend(() => {
    mailbox.isClosed = true
    mailbox.reader = undefined
    return mailbox.queue === undefined ? Effect.void : Queue.shutdown(mailbox.queue)
  })
