/**
 * One direction of a connection, seen from both ends: what was said and has not been heard, message by message. Messages
 * are kept as fingerprints, a number each; a block counts as said when its header was.
 */
import * as Wire from "./Wire.ts"

/** Mutable. */
export interface Pipe {
  sentBytes: number
  deliveredBytes: number
  /** The first `heard` of them are done with. */
  readonly said: Array<number>
  heard: number
  /** One complaint a direction is enough. */
  isBroken: boolean
  /** Where an end is not watched, its side is read here. */
  readonly mouth: Wire.Stream
  readonly ear: Wire.Stream
}

export const make = (): Pipe => ({
  sentBytes: 0,
  deliveredBytes: 0,
  said: [],
  heard: 0,
  isBroken: false,
  mouth: Wire.make(),
  ear: Wire.make(),
})

/** What was heard is let go of in batches, since taking one off the front costs as much as taking many. */
const BATCH = 64

/** The one end says this. */
export const say = (pipe: Pipe, message: Wire.Message): void => {
  if (message._tag !== "Payload" || message.isFirst) pipe.said.push(fingerprint(message))
}

/** The other end hears this; false if it was not said, or not next. */
export const hear = (pipe: Pipe, message: Wire.Message): boolean => {
  if (pipe.isBroken || (message._tag === "Payload" && !message.isFirst)) return true
  const { said } = pipe
  const expected = said[pipe.heard++]
  if (pipe.heard > BATCH && pipe.heard * 2 > said.length) {
    said.splice(0, pipe.heard)
    pipe.heard = 0
  }
  if (expected === fingerprint(message)) return true
  pipe.isBroken = true
  return false
}

/** A number for what a message says, so that two that differ are as good as never taken for each other. */
const fingerprint = (message: Wire.Message): number => {
  let print = 0
  const { _tag: tag } = message
  for (let i = 0; i < tag.length; i++) print = Math.imul(print ^ tag.charCodeAt(i), 0x01000193)
  if ("piece" in message) print = Math.imul(print ^ message.piece, 0x85ebca6b) ^ (print >>> 15)
  if ("begin" in message) {
    print = Math.imul(print ^ message.begin, 0xc2b2ae35) ^ (print >>> 13)
    print = Math.imul(print ^ message.length, 0x27d4eb2f) ^ (print >>> 16)
  }
  return print
}
