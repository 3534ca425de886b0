/** `shoal dht get` and `put`: small items that anybody may keep in the DHT for others (BEP 44). */
import * as FileSystem from "@effect/platform/FileSystem"
import * as Effect from "effect/Effect"
import * as Bytes from "../core/base/Bytes.ts"
import * as Decode from "../core/bencode/Decode.ts"
import * as Encode from "../core/bencode/Encode.ts"
import * as BencodeValue from "../core/bencode/Value.ts"
import type { Event } from "../core/dht/Event.ts"
import * as Items from "../core/dht/Items.ts"
import * as Limits from "../core/dht/Limits.ts"
import type { DhtNode } from "../shell/Dht.ts"
import { SEED_BYTES, Signatures } from "../shell/Signatures.ts"
import type { Visit } from "./DhtRun.ts"
import { figures, reached, summary } from "./DhtPeers.ts"
import { Failure, UsageError } from "./Exit.ts"
import { Output } from "./Output.ts"
import * as ReadFile from "./ReadFile.ts"
import * as Text from "./Text.ts"

type Found = Extract<Event, { readonly _tag: "ItemFound" }>

const usage = (message: string) => new UsageError({ message, command: "dht" })

const saltOf = (salt: string | undefined): Bytes.Bytes => salt === undefined ? Bytes.empty : Bytes.utf8(salt)

/** A value for people: a string as it is, everything else as it is bencoded, in Latin-1. */
const shown = (value: Bytes.Bytes): string => {
  const decoded = Decode.decode(value)
  const text = decoded.ok ? BencodeValue.utf8(decoded.value) : undefined
  return text ?? Bytes.toLatin1(value)
}

/** The newest version of an item that is found, and how the search went. */
const search = (
  node: DhtNode,
  wanted: { readonly target: Bytes.Bytes; readonly publicKey?: Bytes.Bytes; readonly salt?: Bytes.Bytes },
) =>
  Effect.gen(function* () {
    let found: Found | undefined
    const onEvent = (event: Event): void => {
      if (event._tag === "ItemFound") found = event
    }
    const done = yield* Effect.flatMap(node.ask({ _tag: "GetItem", ...wanted }, onEvent), reached)
    return { done, found: found as Found | undefined }
  })

/** Prints the value under a target, or an author's newest one. */
export const get = ({ argument, node, options }: Visit) =>
  Effect.gen(function* () {
    const output = yield* Output
    const { publicKey } = options
    const salt = saltOf(options.salt)
    const target = publicKey === undefined ? Bytes.fromHex(argument!) : Items.targetOfMutable(publicKey, salt)
    if (target?.length !== 20) return yield* usage("dht get needs a TARGET of 40 hexadecimal digits")
    const { done, found } = yield* search(node, {
      target,
      ...(publicKey === undefined ? {} : { publicKey }),
      ...(salt.length === 0 ? {} : { salt }),
    })
    if (found === undefined) {
      return yield* new Failure({
        reason: "not-found",
        message: `none of the ${done.responses} nodes that answered has an item under ${Bytes.toHex(target)}`,
      })
    }
    const { mutable, value } = found
    yield* output.event("complete", {
      target: Bytes.toHex(target),
      value: shown(value),
      bencoded: Bytes.toHex(value),
      ...(mutable === undefined ? {} : {
        publicKey: Bytes.toHex(mutable.publicKey),
        signature: Bytes.toHex(mutable.signature),
        seq: Number(mutable.seq),
      }),
      ...figures(done),
    })
    yield* output.result(Text.printableLines(shown(value)))
    yield* output.note(`${mutable === undefined ? "" : `number ${mutable.seq}; `}${summary(done)}`)
  })

/** The seed in a key file: 64 hexadecimal digits; made, for its owner's eyes only, where there is none. */
const seedOf = (path: string) =>
  Effect.gen(function* () {
    const fs = yield* FileSystem.FileSystem
    const signatures = yield* Signatures
    if (!(yield* fs.exists(path))) {
      const seed = yield* signatures.generate
      yield* fs.writeFileString(path, `${Bytes.toHex(seed)}\n`, { flag: "wx", mode: 0o600 })
      return seed
    }
    const seed = Bytes.fromHex((yield* ReadFile.text(path, "a key file")).trim())
    return seed?.length === SEED_BYTES ? seed : yield* new Failure({
      reason: "key",
      message: `${Text.printable(path)} is no key: it must have 64 hexadecimal digits`,
    })
  }).pipe(Effect.mapError((error) =>
    error._tag === "Failure" ? error : new Failure({
      reason: "key",
      message: `the key in ${Text.printable(path)} can't be used: ${error.message}`,
      cause: error,
    })
  ))

/** What is put, signed if it has an author. */
const signed = (
  { node, options }: Visit,
  value: Bytes.Bytes,
  keyFile: string,
) =>
  Effect.gen(function* () {
    const signatures = yield* Signatures
    const seed = yield* seedOf(keyFile)
    const publicKey = yield* signatures.publicKey(seed)
    const salt = saltOf(options.salt)
    const target = Items.targetOfMutable(publicKey, salt)
    const salted = salt.length === 0 ? {} : { salt }
    let seq = options.seq === undefined ? undefined : BigInt(options.seq)
    if (seq === undefined) {
      const { found } = yield* search(node, { target, publicKey, ...salted })
      seq = (found?.mutable?.seq ?? 0n) + 1n
    }
    const signature = yield* signatures.sign(seed, Items.signingInput(seq, salt, value))
    return { target, mutable: { publicKey, signature, seq, ...salted } }
  })

/** Keeps a text in the DHT, and prints the target that it is found under. */
export const put = (visit: Visit) =>
  Effect.gen(function* () {
    const output = yield* Output
    const { argument, node, options } = visit
    const value = Encode.encode(Bytes.utf8(argument!))
    if (value.length > Limits.MAX_VALUE_BYTES) {
      return yield* usage(`dht put takes up to ${Limits.MAX_VALUE_BYTES} bytes, these are ${value.length}`)
    }
    if (saltOf(options.salt).length > Limits.MAX_SALT_BYTES) {
      return yield* usage(`a salt has up to ${Limits.MAX_SALT_BYTES} bytes`)
    }
    if (options.key === undefined && (options.salt !== undefined || options.seq !== undefined)) {
      return yield* usage("--salt and --seq are for items with an author; give --key as well")
    }
    const item = options.key === undefined
      ? { target: Items.targetOfImmutable(value), mutable: undefined }
      : yield* signed(visit, value, options.key)
    const { mutable, target } = item
    let storedAt = 0
    let refusal: string | undefined
    const done = yield* Effect.flatMap(
      node.ask({ _tag: "PutItem", value, ...(mutable === undefined ? {} : { mutable }) }, (event) => {
        if (event._tag !== "PutDone") return
        storedAt = event.storedAt
        refusal = event.refusal?.message
      }),
      reached,
    )
    if (storedAt === 0) {
      return yield* new Failure({
        reason: "refused",
        message: `none of the ${done.responses} nodes that answered took the item${
          refusal === undefined ? "" : `: ${refusal}`
        }`,
      })
    }
    yield* output.event("complete", {
      target: Bytes.toHex(target),
      storedAt,
      ...(mutable === undefined ? {} : {
        publicKey: Bytes.toHex(mutable.publicKey),
        seq: Number(mutable.seq),
      }),
      ...figures(done),
    })
    yield* output.result(Bytes.toHex(target))
    yield* output.note(
      `kept by ${Text.count(storedAt, "node")}${
        mutable === undefined ? "" : `, number ${mutable.seq} of author ${Bytes.toHex(mutable.publicKey)}`
      }`,
    )
  })
