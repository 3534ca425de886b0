/**
 * Scenarios as files: TOML or JSON, with sizes, rates and times as the command line writes them. One schema reads and
 * writes them, so that what is printed can be edited and read again.
 */
import * as ParseResult from "effect/ParseResult"
import * as Schema from "effect/Schema"
import { parse as parseToml, stringify as stringifyToml } from "smol-toml"
import * as Result from "../core/base/Result.ts"
import type { Scenario } from "../core/sim/Scenario.ts"
import * as Defaults from "../core/sim/scenario/Defaults.ts"
import { policies } from "../core/torrent/Choker.ts"
import { orders } from "../core/torrent/Strategy.ts"
import * as Argv from "./Argv.ts"
import * as Notation from "./SimulateNotation.ts"

/** A value of the file; reading it fails with what would have been right, and with nothing else. */
const leaf = <A>({ read, show }: Notation.Notation<A>): Schema.Schema<A, unknown> =>
  Schema.transformOrFail(Schema.Unknown, Schema.Any as Schema.Schema<A>, {
    strict: true,
    decode: (raw, _, ast) => {
      const result = read(raw)
      return result.ok
        ? ParseResult.succeed(result.value)
        : ParseResult.fail(new ParseResult.Type(ast, raw, result.error))
    },
    encode: (value) => ParseResult.succeed(show(value)),
  })

const either = <A>(notation: Notation.Notation<A>, key: string, fallback: A) =>
  Schema.optionalWith(leaf(notation), { default: () => fallback, exact: true }).pipe(Schema.fromKey(key))

const maybe = <A>(notation: Notation.Notation<A>, key: string) =>
  Schema.optionalWith(leaf(notation), { exact: true }).pipe(Schema.fromKey(key))

const { count, duration, flag, name, number, oneOf, rate, size } = Notation
const words = <A extends string>(record: Readonly<Record<A, unknown>>) =>
  oneOf(Object.keys(record) as Array<A>)

const { leecher: peer, calm } = Defaults

const Latency = Schema.Struct({
  min: either(duration, "min", peer.latencyMs.min),
  mean: either(duration, "mean", peer.latencyMs.mean),
})

const Choker = Schema.Struct({
  leeching: either(words(policies), "leeching", peer.choker.leeching),
  seeding: either(words(policies), "seeding", peer.choker.seeding),
  slots: either(count, "slots", peer.choker.slots),
})

const table = <A, I>(schema: Schema.Schema<A, I>, key: string, fallback: A) =>
  Schema.optionalWith(schema, { default: () => fallback, exact: true }).pipe(Schema.fromKey(key))

const PeerClass = Schema.Struct({
  name: Schema.propertySignature(leaf(name)),
  count: either(count, "count", 1),
  role: either(oneOf(["seeder", "leecher"]), "role", "leecher"),
  behaviour: either(
    oneOf(["honest", "free-rider", "polluter", "liar", "silent", "slow-loris"]),
    "behaviour",
    "honest",
  ),
  uploadRateBytesPerSec: either(rate, "upload-rate", peer.uploadRateBytesPerSec),
  downloadRateBytesPerSec: either(rate, "download-rate", peer.downloadRateBytesPerSec),
  uploadLimitBytesPerSec: either(rate, "upload-limit", peer.uploadLimitBytesPerSec),
  downloadLimitBytesPerSec: either(rate, "download-limit", peer.downloadLimitBytesPerSec),
  strategy: either(words(orders), "picker", peer.strategy),
  superSeed: either(flag, "super-seed", false),
  isBehindNat: either(flag, "behind-nat", false),
  arrival: either(Notation.arrival, "arrival", peer.arrival),
  departure: either(Notation.departure, "departure", peer.departure),
  latencyMs: table(Latency, "latency", peer.latencyMs),
  choker: table(Choker, "choker", peer.choker),
})

const Faults = Schema.Struct({
  resetsPerMinute: either(number, "resets-per-minute", calm.resetsPerMinute),
  stallsPerMinute: either(number, "stalls-per-minute", calm.stallsPerMinute),
  stallMs: either(duration, "stall", calm.stallMs),
  partitionsPerMinute: either(number, "partitions-per-minute", calm.partitionsPerMinute),
  partitionMs: either(duration, "partition", calm.partitionMs),
  crashesPerMinute: either(number, "crashes-per-minute", calm.crashesPerMinute),
  restartMs: either(duration, "restart", calm.restartMs),
  diskErrorsPerMinute: either(number, "disk-errors-per-minute", calm.diskErrorsPerMinute),
  bitFlipsPerGiB: either(number, "bit-flips-per-gib", calm.bitFlipsPerGiB),
  diskLatencyMs: either(duration, "disk-latency", calm.diskLatencyMs),
  trackerDownPart: either(number, "tracker-down-part", calm.trackerDownPart),
  clockDriftPart: either(number, "clock-drift-part", calm.clockDriftPart),
  untilMs: either(duration, "until", calm.untilMs),
})

const base = Defaults.scenario()

const File = Schema.Struct({
  seed: maybe(count, "seed"),
  sizeBytes: either(size, "size", base.sizeBytes),
  pieceBytes: maybe(size, "piece-size"),
  payload: either(oneOf(["shared", "full"]), "payload", base.payload),
  maxPeers: either(count, "max-peers", base.maxPeers),
  maxVirtualMs: either(duration, "max-time", base.maxVirtualMs),
  faults: table(Faults, "faults", calm),
  classes: table(Schema.Array(PeerClass), "class", base.classes),
})

/** A scenario as a file says it; without a seed it is the caller's to draw one. */
export interface Given {
  readonly scenario: Scenario
  readonly hasSeed: boolean
}

const decode = Schema.decodeUnknownEither(File, { errors: "all", onExcessProperty: "error" })
/** The scenario as plain data, by the keys of a file. */
export const encode = (scenario: Scenario): Record<string, unknown> =>
  Schema.encodeSync(File)(scenario) as Record<string, unknown>

/** Reads a scenario; the error names the line or the key, and says what would have been right. */
export const parse = (text: string, format: "toml" | "json"): Result.Result<Given, string> => {
  const document = format === "json" ? parseJson(text) : parseTomlText(text)
  if (!document.ok) return document
  const decoded = decode(document.value)
  if (decoded._tag === "Left") return Result.err(explain(decoded.left))
  const { pieceBytes, seed, ...rest } = decoded.right
  return Result.ok({
    scenario: { ...rest, seed: seed ?? 0, pieceBytes: pieceBytes ?? Defaults.pieceBytes(rest.sizeBytes) },
    hasSeed: seed !== undefined,
  })
}

const parseJson = (text: string): Result.Result<unknown, string> => {
  try {
    return Result.ok(JSON.parse(text))
  } catch (error) {
    return Result.err(`no JSON: ${(error as Error).message}`)
  }
}

const parseTomlText = (text: string): Result.Result<unknown, string> => {
  try {
    return Result.ok(parseToml(text))
  } catch (error) {
    // The parser's message goes on with a drawing of the place; its first line says what is wrong.
    const { line, message } = error as Error & { readonly line?: number }
    const first = (message.split("\n")[0] ?? "").replace(/^Invalid TOML document:\s*/, "")
    return Result.err(`${line === undefined ? "" : `line ${line}: `}${first}`)
  }
}

/** The scenario as TOML that {@link parse} reads as the same. */
export const print = (scenario: Scenario): string => stringifyToml(encode(scenario))

/** Problems that are told at a time. */
const SHOWN = 3

/** Puts problems into one sentence, each with the place in the file. */
export const list = (
  problems: ReadonlyArray<{ readonly path: ReadonlyArray<PropertyKey>; readonly message: string }>,
): string => {
  const told = problems.slice(0, SHOWN).map(({ message, path }) => {
    const place = placeOf(path)
    return place === "" ? message : `${place}: ${message}`
  })
  const more = problems.length - told.length
  return told.join("; ") + (more > 0 ? `; and ${more} more` : "")
}

/** `class[1].upload-rate`: classes are counted from 1, as people do. */
const placeOf = (path: ReadonlyArray<PropertyKey>): string =>
  path.reduce<string>((place, key) => {
    if (typeof key === "number") return `${place}[${key + 1}]`
    return place === "" ? String(key) : `${place}.${String(key)}`
  }, "")

const explain = (error: ParseResult.ParseError): string =>
  list(
    ParseResult.ArrayFormatter.formatErrorSync(error).map(({ _tag, message, path }) => ({
      path,
      message: _tag === "Unexpected"
        ? unknownKey(String(path[path.length - 1]), message)
        : _tag === "Missing"
        ? "is missing"
        : ofKind(message),
    })),
  )

/** The schema itself complains where a table or an array of them should be; all else is said by the notations. */
const ofKind = (message: string): string => {
  if (!message.startsWith("Expected ")) return message
  return message.startsWith("Expected ReadonlyArray") ? "expected an array of tables" : "expected a table"
}

/** The formatter's message lists the keys that are known there. */
const unknownKey = (key: string, message: string): string => {
  const known = [...message.matchAll(/"([^"]+)"/g)].map(([, word]) => word!)
  const near = Argv.nearest(key.replaceAll("_", "-"), known)
  return `unknown key${near === undefined ? `; known are ${known.join(", ")}` : `; did you mean ${near}?`}`
}

/** What keys of a scenario are called in a file, to say where a bound is broken. */
const FILE_KEYS: Readonly<Record<string, string>> = {
  sizeBytes: "size",
  pieceBytes: "piece-size",
  maxPeers: "max-peers",
  maxVirtualMs: "max-time",
  classes: "class",
  uploadRateBytesPerSec: "upload-rate",
  downloadRateBytesPerSec: "download-rate",
  uploadLimitBytesPerSec: "upload-limit",
  downloadLimitBytesPerSec: "download-limit",
  latencyMs: "latency",
  strategy: "picker",
  superSeed: "super-seed",
  isBehindNat: "behind-nat",
  resetsPerMinute: "resets-per-minute",
  stallsPerMinute: "stalls-per-minute",
  stallMs: "stall",
  partitionsPerMinute: "partitions-per-minute",
  partitionMs: "partition",
  crashesPerMinute: "crashes-per-minute",
  restartMs: "restart",
  diskErrorsPerMinute: "disk-errors-per-minute",
  bitFlipsPerGiB: "bit-flips-per-gib",
  diskLatencyMs: "disk-latency",
  trackerDownPart: "tracker-down-part",
  clockDriftPart: "clock-drift-part",
  untilMs: "until",
}

/** A path in a scenario as the path in a file. */
export const filePath = (path: ReadonlyArray<string | number>): ReadonlyArray<string | number> =>
  // How an arrival or a departure is spelt lies inside of one string.
  (path.includes("arrival") || path.includes("departure") ? path.slice(0, 3) : path)
    .map((key) => FILE_KEYS[key] ?? key)
