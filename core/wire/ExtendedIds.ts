/**
 * The messages of the extension protocol that shoal knows, and the number of each. Everybody numbers for themselves: a
 * message leaves with the receiver's number and comes in with ours (BEP 10).
 */
import { assert } from "../base/Assert.ts"

/** Our number of each message, by its name in `m`. They never change, and are those that libtorrent gives. */
export const OURS = {
  ut_pex: 1,
  ut_metadata: 2,
  upload_only: 3,
  ut_holepunch: 4,
  lt_donthave: 7,
} as const

export type Name = keyof typeof OURS

/** The number that a peer gave each message; 0: it takes none. */
export type Ids = Readonly<Record<Name, number>>

/** Of a peer that has not said anything: one object for all. */
export const NONE: Ids = Object.freeze({
  ut_pex: 0,
  ut_metadata: 0,
  upload_only: 0,
  ut_holepunch: 0,
  lt_donthave: 0,
})

/** What a peer takes after another handshake, whose `m` says only what is new; 0 there ends a message (BEP 10). */
export const learn = (ids: Ids, messages: ReadonlyMap<string, number>): Ids => {
  if (messages.size === 0) return ids
  return Object.freeze({
    ut_pex: messages.get("ut_pex") ?? ids.ut_pex,
    ut_metadata: messages.get("ut_metadata") ?? ids.ut_metadata,
    upload_only: messages.get("upload_only") ?? ids.upload_only,
    ut_holepunch: messages.get("ut_holepunch") ?? ids.ut_holepunch,
    lt_donthave: messages.get("lt_donthave") ?? ids.lt_donthave,
  })
}

/** The `m` of a handshake of ours that offers these messages. */
export const offer = (names: ReadonlyArray<Name>): ReadonlyMap<string, number> => {
  const messages = new Map(names.map((name) => [name, OURS[name]]))
  assert(messages.size === names.length, "a message is offered once")
  return messages
}
