/** Files of our own that anybody may have changed, and what people write: resume data, configuration, scenarios, command lines. */
import * as Bytes from "../../../core/base/Bytes.ts"
import * as Digest from "../../../core/base/Digest.ts"
import * as Geometry from "../../../core/metainfo/Geometry.ts"
import type { InfoHash } from "../../../core/metainfo/Metainfo.ts"
import * as Check from "../../../core/sim/scenario/Check.ts"
import * as Bitfield from "../../../core/torrent/Bitfield.ts"
import * as Resume from "../../../core/torrent/Resume.ts"
import * as Argv from "../../../cli/Argv.ts"
import * as Config from "../../../cli/Config.ts"
import * as Options from "../../../cli/Options.ts"
import * as Simulate from "../../../cli/Simulate.ts"
import * as Select from "../../../cli/Select.ts"
import * as SimulateFile from "../../../cli/SimulateFile.ts"
import * as Value from "../../../cli/Value.ts"
import * as BencodeGrammar from "../grammar/Bencode.ts"
import * as TextGrammar from "../grammar/Text.ts"
import * as Seeds from "../Seeds.ts"
import { claim, type Target } from "../Target.ts"

const INFO_HASH = "ab".repeat(20) as InfoHash
const geometry = Geometry.make(16_384, [40_000, 0, 100_000])

const runResume = (input: Bytes.Bytes): void => {
  const decoded = Resume.decode(input, geometry, INFO_HASH)
  if (!decoded.ok) return
  const { downloadedBytes, files, have, uploadedBytes } = decoded.value
  claim(have.length === geometry.pieceCount && have.count <= have.length, "a bit for each piece")
  claim(files.length === geometry.files.length, "an entry for each file")
  claim(uploadedBytes >= 0 && downloadedBytes >= 0, "totals are no debts")
  const again = Resume.decode(Resume.encode(decoded.value), geometry, INFO_HASH)
  claim(again.ok && Digest.digest(again.value) === Digest.digest(decoded.value), "it survives a round trip")
  const { believed, recheck } = Resume.believe(decoded.value, files, geometry)
  for (let piece = 0; piece < geometry.pieceCount; piece++) {
    claim(
      !Bitfield.get(believed, piece) || Bitfield.get(have, piece),
      "nothing is believed that wasn't claimed",
    )
    claim(!(Bitfield.get(believed, piece) && Bitfield.get(recheck, piece)), "believed or checked, not both")
  }
  const changed = files.map((file) => file && { ...file, mtimeMs: file.mtimeMs + 1 })
  claim(
    Bitfield.isEmpty(Resume.believe(decoded.value, changed, geometry).believed),
    "changed files aren't believed",
  )
}

const resumeSeed = (have: Bitfield.Bitfield): Bytes.Bytes =>
  Resume.encode({
    infoHash: INFO_HASH,
    have,
    files: [{ bytes: 40_000, mtimeMs: 1 }, undefined, { bytes: 100_000, mtimeMs: 2 }],
    uploadedBytes: 1,
    downloadedBytes: 2,
  })

const FLAGS: ReadonlyArray<Options.Flag<unknown>> = [
  ...Object.values(Simulate.spec.flags),
  ...Object.values(Options.common),
]
const KNOWN = new Map([["simulate", FLAGS], ["download", Object.values(Options.common)]])

const runConfig = (input: Bytes.Bytes): void => {
  const read = Config.fromFile(Bytes.toUtf8(input), "simulate", KNOWN)
  if (!read.ok) {
    claim(read.error.length > 0, "what is wrong is said")
    return
  }
  const names = new Set(FLAGS.map(({ name }) => name))
  for (const [name, texts] of read.value) {
    claim(names.has(name), "only options get in")
    claim(texts.every((text) => typeof text === "string"), "as texts")
    const flag = FLAGS.find((one) => one.name === name)!
    claim(flag.kind !== "switch" || Argv.truth(texts[0]!) !== undefined, "a switch is on or off")
  }
}

/** Arguments between NULs. */
const runArgv = (input: Bytes.Bytes): void => {
  const args = Bytes.toUtf8(input).split("\0")
  const split = Argv.split(args, FLAGS)
  if (!split.ok) {
    claim(split.error.length > 0, "what is wrong is said")
    return
  }
  const { args: rest, command, given } = split.value
  const names = new Set(FLAGS.map(({ name }) => name))
  for (const [name, texts] of given) {
    claim(names.has(name) && texts.length > 0, "only options get in, with values")
  }
  claim((command === undefined ? 0 : 1) + rest.length <= args.length, "nothing is made up")
  claim(Argv.foreign(given, FLAGS) === undefined, "they are what was asked about")
  for (const flag of FLAGS) {
    const texts = given.get(flag.name)
    claim(
      flag.kind === "list" || texts === undefined || flag.kind === "switch" || texts.length === 1,
      "given once",
    )
  }
}

/** First byte: TOML or JSON. */
const runScenario = (input: Bytes.Bytes): void => {
  const format = ((input[0] ?? 0) & 1) === 0 ? "toml" : "json"
  const read = SimulateFile.parse(Bytes.toUtf8(input.subarray(1)), format)
  if (!read.ok) {
    claim(read.error.length > 0, "what is wrong is said")
    return
  }
  const { scenario } = read.value
  const problems = Check.check(scenario)
  claim(SimulateFile.list(problems).length > 0 === problems.length > 0, "problems have words")
  if (problems.length > 0) return
  const printed = SimulateFile.print(scenario)
  const again = SimulateFile.parse(printed, "toml")
  claim(again.ok, `what was printed can be read: ${again.ok ? "" : again.error}`)
  claim(Digest.digest(again.value.scenario) === Digest.digest(scenario), "and says the same")
}

/** For a pattern that goes back and forth. */
const HARD_PATH = "aab/".repeat(30) + "c"

/** The text of an option's value, of every kind. */
const runValue = (input: Bytes.Bytes): void => {
  const text = Bytes.toUtf8(input)
  for (const parser of [Value.rate, Value.size, Value.duration, Value.ratio, Value.integer(0, 2 ** 40)]) {
    const read = parser(text)
    if (read.ok) claim(Number.isFinite(read.value) && read.value >= 0, "a number is finite and no debt")
    else claim(/^expected /.test(read.error), "what would have been right is said")
  }
  const place = Value.hostPort(text)
  if (place.ok) {
    claim(place.value.port >= 1 && place.value.port <= 65_535 && place.value.host !== "", "a port is one")
  }
  const hex = Value.hex(20)(text)
  if (hex.ok) claim(Bytes.toHex(hex.value) === text.toLowerCase(), "digits are digits")
  const path = Value.text("a path")(text)
  if (path.ok) claim(!path.value.includes("\0"), "a path has no NUL")
  Value.ip(text)
  Simulate.comparison(text)
  const selection = Select.parse(text)
  if (!selection.ok) return
  claim(selection.value.length <= text.length, "a selection is no longer than its text")
  // Whatever the pattern, a path of a torrent is looked at in no time.
  for (const part of selection.value) if (part._tag === "Glob") part.matches(HARD_PATH)
}

const TOML = `log-level = "info"\n[simulate]\nseed = 1\npeers = 5\nfaults = true\nchoker = "tit-for-tat"\n`
const ARGS = "simulate\0--seed=1\0--peers\0" + "5\0-v\0--faults=no\0--\0file.toml"
const SCENARIO =
  `seed = 1\nsize = "1M"\npiece-size = "16K"\n[[class]]\nname = "seeder"\nrole = "seeder"\nupload-rate = "1M"\n` +
  `[[class]]\nname = "x"\ncount = 3\narrival = "over 2m"\ndeparture = "at ratio 1.5"\n[faults]\nstall = "30ms"\n`
const JSON_SCENARIO =
  `{"seed":1,"size":"1M","class":[{"name":"s","role":"seeder","latency":{"min":"1ms","mean":"2s"}}]}`

const scenarioWords = [
  ...[
    "seed",
    "size",
    "piece-size",
    "class",
    "name",
    "role",
    "seeder",
    "leecher",
    "count",
    "arrival",
    "departure",
  ],
  ...[
    "latency",
    "min",
    "mean",
    "choker",
    "slots",
    "faults",
    "stall",
    "until",
    "0",
    "-1",
    "1e9",
    "9".repeat(17),
  ],
  ...[
    '"at 0s"',
    '"churn 5m"',
    '"6 per minute"',
    '"0"',
    "true",
    "nan",
    "inf",
    "__proto__",
    "payload",
    "max-peers",
  ],
]

export const targets: ReadonlyArray<Target> = [
  {
    name: "resume",
    oracle:
      "a bit for each piece, an entry for each file; round trip; nothing believed that wasn't claimed or has changed",
    covers: ["core/torrent/Resume.ts", "core/torrent/Bitfield.ts"],
    seeds: () => {
      const half = Bitfield.make(geometry.pieceCount)
      for (let piece = 0; piece < half.length; piece += 2) Bitfield.set(half, piece)
      return [resumeSeed(Bitfield.full(geometry.pieceCount)), resumeSeed(half)]
    },
    mutators: [
      BencodeGrammar.mutator(["version", "infoHash", "have", "files", "uploadedBytes", "downloadedBytes"]),
    ],
    run: runResume,
  },
  {
    name: "config",
    oracle: "only known options with texts of their kind get in; everything else is refused in words",
    covers: ["cli/Config.ts", "cli/Argv.ts"],
    seeds: () => Seeds.texts(TOML, "seed = 5\nunknown = 1\n", "[simulate]\nsize = 12\n"),
    mutators: [
      TextGrammar.mutator(/[\n=]/, [
        ...FLAGS.map(({ name }) => name),
        "[simulate]",
        "[download]",
        "true",
        "1",
        '"x"',
        "[1, 2]",
        "1979-05-27",
      ]),
    ],
    run: runConfig,
  },
  {
    name: "argv",
    oracle: "only known options get in, once unless they are lists, with values; nothing is made up",
    covers: ["cli/Argv.ts"],
    seeds: () => Seeds.texts(ARGS, "--help", "-vq\0--sead\0" + "1"),
    mutators: [
      TextGrammar.mutator(/[\0=]/, [
        ...FLAGS.map(({ name }) => `--${name}`),
        "-v",
        "-q",
        "--",
        "-",
        "true",
        "simulate",
      ]),
    ],
    run: runArgv,
  },
  {
    name: "value",
    oracle:
      "numbers finite and not negative, ports real, paths without NUL; refusals say what would have been right",
    covers: [
      "cli/Value.ts",
      "cli/Select.ts",
      "cli/Simulate.ts",
      "core/base/Address.ts",
      "core/base/IpText.ts",
    ],
    seeds: () =>
      Seeds.texts(
        "500K",
        "1.5",
        "90s",
        "[2001:db8::1]:6881",
        "1-3,5,*.txt",
        "**a*b?*/**c",
        "tit-for-tat,round-robin",
        "picker: rarest,random",
        "::1",
      ),
    mutators: [
      TextGrammar.mutator(/[,:.\-]/, [
        "0",
        "99999999999999999999",
        "1e9",
        "G",
        "s",
        "rarest",
        "seeding",
        "[::1]",
        "*",
        "65536",
      ]),
    ],
    run: runValue,
  },
  {
    name: "scenario",
    oracle: "what is read and within bounds is printed and read again as the same",
    covers: ["cli/SimulateFile.ts", "cli/SimulateNotation.ts", "cli/Value.ts", "core/sim/scenario/Check.ts"],
    seeds: () => Seeds.texts(`\0${SCENARIO}`, `\u0001${JSON_SCENARIO}`),
    mutators: [
      TextGrammar.mutator(/[\n=]/, scenarioWords),
      TextGrammar.mutator(/[,:{}\[\]"]/, scenarioWords),
    ],
    smokeRuns: 300,
    run: runScenario,
  },
]
