/**
 * Options as data: each one says its name, its value and its meaning once, and parsing, the environment, the config
 * file, `--help` and the shell completions all follow from that.
 */
import * as CliOptions from "@effect/cli/Options"
import * as HelpDoc from "@effect/cli/HelpDoc"
import * as ValidationError from "@effect/cli/ValidationError"
import * as Effect from "effect/Effect"
import type * as Address from "../core/base/Address.ts"
import type { Trust } from "../shell/TrackerClient.ts"
import * as Select from "./Select.ts"
import * as Value from "./Value.ts"

/** One option of a command. */
export interface Flag<A> {
  /** Without dashes; also the key in the config file, and upper-cased with `_` the environment variable. */
  readonly name: string
  /** One letter. */
  readonly alias: string | undefined
  /** A switch takes no value; a list may be given several times. */
  readonly kind: "switch" | "value" | "list"
  /** What stands for the value in `--help`. */
  readonly metavar: string
  readonly description: string
  /** What holds where it is not given, for `--help`; undefined where that needs no saying. */
  readonly fallback: string | undefined
  readonly options: CliOptions.Options<A>
}

export type Flags = Readonly<Record<string, Flag<unknown>>>

/** What parsing a command's flags gives. */
export type Values<F extends Flags> = { readonly [K in keyof F]: F[K] extends Flag<infer A> ? A : never }

const parseWith =
  <A>(parse: Value.Parser<A>) => (text: string): Effect.Effect<A, ValidationError.ValidationError> => {
    const result = parse(text)
    return result.ok
      ? Effect.succeed(result.value)
      : Effect.fail(ValidationError.invalidValue(HelpDoc.p(result.error)))
  }

const named = <A>(options: CliOptions.Options<A>, alias: string | undefined, description: string) => {
  const described = CliOptions.withDescription(options, description)
  return alias === undefined ? described : CliOptions.withAlias(described, alias)
}

/** An option without a value: false unless it is given. */
export const flag = (name: string, description: string, alias?: string): Flag<boolean> => ({
  name,
  alias,
  kind: "switch",
  metavar: "",
  description,
  fallback: undefined,
  options: named(CliOptions.boolean(name), alias, description),
})

/** An option with one value, `fallback` where it is not given. */
export const value = <A, const B>(
  name: string,
  metavar: string,
  parse: Value.Parser<A>,
  fallback: B,
  description: string,
  alias?: string,
): Flag<A | B> => ({
  name,
  alias,
  kind: "value",
  metavar,
  description,
  fallback: fallback === undefined ? undefined : String(fallback),
  options: named(CliOptions.text(name), alias, description).pipe(
    CliOptions.mapEffect(parseWith(parse)),
    CliOptions.withDefault(fallback),
  ),
})

/** An option that may be given several times. */
export const list = <A>(
  name: string,
  metavar: string,
  parse: Value.Parser<A>,
  description: string,
  alias?: string,
): Flag<ReadonlyArray<A>> => ({
  name,
  alias,
  kind: "list",
  metavar,
  description,
  fallback: undefined,
  options: CliOptions.mapEffect(
    CliOptions.repeated(named(CliOptions.text(name), alias, description)),
    (texts) => Effect.forEach(texts, parseWith(parse)),
  ),
})

const LEVELS = ["all", "trace", "debug", "info", "warn", "warning", "error", "fatal", "none"] as const

/** What every command understands. */
export const common = {
  json: flag("json", "print JSON on stdout: one object, or one line an event"),
  quiet: flag("quiet", "no progress on stderr", "q"),
  config: value(
    "config",
    "FILE",
    Value.text("a file"),
    undefined,
    "read defaults for options from a TOML file",
  ),
  logLevel: value(
    "log-level",
    "LEVEL",
    Value.oneOf(...LEVELS),
    undefined,
    "log from this level on: trace, debug, info, warn, error or none",
  ),
  logFormat: value(
    "log-format",
    "FORMAT",
    Value.oneOf("pretty", "json", "logfmt"),
    "pretty",
    "how a log line looks: pretty, json or logfmt",
  ),
  logDir: value(
    "log-dir",
    "DIR",
    Value.text("a folder"),
    undefined,
    "write the log to a new file in this folder instead of stderr",
  ),
} satisfies Flags

export type Common = Values<typeof common>

/** What stops or informs instead of running a command; they need no config file and no environment. */
export const informing: ReadonlyArray<Flag<unknown>> = [
  flag("help", "show this help", "h"),
  flag("version", "show the version"),
  value(
    "completions",
    "SHELL",
    Value.oneOf("bash", "zsh", "fish"),
    undefined,
    "print a completion script for bash, zsh or fish",
  ),
]

export const out: Flag<string> = value(
  "out",
  "DIR",
  Value.text("a folder"),
  ".",
  "the folder that the files go to",
  "o",
)

export const data: Flag<string> = value(
  "data",
  "DIR",
  Value.text("a folder"),
  ".",
  "the folder that holds the data",
)

export const select: Flag<Select.Selection | undefined> = value(
  "select",
  "LIST",
  Select.parse,
  undefined,
  "only these files: 1,3-5 as inspect numbers them, or globs such as '*.mkv'",
)

export const peers: Flag<ReadonlyArray<Address.Address>> = list(
  "peer",
  "HOST:PORT",
  Value.hostPort,
  "also connect to this peer; repeatable",
)

export const bootstrap: Flag<ReadonlyArray<Address.Address>> = list(
  "dht-bootstrap",
  "HOST:PORT",
  Value.hostPort,
  "enter the DHT by this node instead of those that everybody knows; repeatable",
)

/** Where BitTorrent clients have always listened. */
export const PORT = 6881

/** Where torrents that may be anybody's may send us. */
export const trust = {
  allowLocal: flag(
    "allow-local",
    "also ask trackers outside the internet whatever a torrent or a redirect wants asked there",
  ),
  allowIdna: flag("allow-idna", "also ask trackers whose names have letters beyond ASCII"),
} satisfies Flags

/** What of it the shell is told; the trackers among `options` are those that the user typed. */
export const trustOf = (
  { allowIdna, allowLocal, trackers = [] }: Values<typeof trust> & {
    readonly trackers?: ReadonlyArray<string | ReadonlyArray<string>>
  },
): Trust => ({ allowLocal, allowIdna, typed: trackers.flat() })

/** Options that shape the session, shared by every command that talks to peers. */
export const network = {
  port: value(
    "port",
    "N",
    Value.integer(0, 65_535),
    undefined,
    `listen on this port, 0 for any free one (default ${PORT}, or any if that is taken)`,
    "p",
  ),
  bind: value("bind", "ADDR", Value.ip, undefined, "use this local address only"),
  allTiers: flag(
    "all-tiers",
    "announce to a tracker of every tier at once, instead of the first that answers",
  ),
  maxPeers: value("max-peers", "N", Value.integer(1, 10_000), 80, "connections at most, for each torrent"),
  maxDownloadRate: value(
    "max-download-rate",
    "RATE",
    Value.rate,
    0,
    "download at most so many bytes a second: 500K, 2M; 0 is unlimited",
    "d",
  ),
  maxUploadRate: value(
    "max-upload-rate",
    "RATE",
    Value.rate,
    0,
    "upload at most so many bytes a second: 500K, 2M; 0 is unlimited",
    "u",
  ),
  ...trust,
} satisfies Flags

/** Where peers may be found besides trackers. */
export const discovery = {
  bootstrap,
  noDht: flag("no-dht", "do not look for peers in the DHT"),
  noPex: flag("no-pex", "do not exchange addresses of peers with other peers"),
  noLsd: flag("no-lsd", "do not look for peers on the local network"),
} satisfies Flags

/** When seeding is over. */
export const goals = {
  seedRatio: value(
    "seed-ratio",
    "R",
    Value.ratio,
    undefined,
    "seed until so many times the torrent's size was uploaded: 1, 1.5",
  ),
  seedTime: value("seed-time", "D", Value.duration, undefined, "seed for so long: 90s, 15m, 2h"),
} satisfies Flags

/** Options of commands that upload until they are stopped. */
export const seeding = {
  ...network,
  ...goals,
  super: flag(
    "super",
    "show each peer other pieces until all are out (BEP 16), for the first seed of a torrent",
  ),
  peers,
  detach: flag("detach", "go on in the background; 'shoal stop' ends it"),
} satisfies Flags
