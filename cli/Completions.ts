/**
 * `--completions`: scripts for three shells, made from the same option data as the parser. The generator of @effect/cli
 * would offer its own built-in options, which this program does not have, and no files.
 */
import { flagsOf, type Spec } from "./Command.ts"
import * as Options from "./Options.ts"

export const SHELLS = ["bash", "zsh", "fish"] as const
export type Shell = typeof SHELLS[number]

type AnyFlag = Options.Flag<unknown>

const completedFlags = (spec: Spec): ReadonlyArray<AnyFlag> => [...flagsOf(spec), Options.informing[0]!]

/** The script; it is to be evaluated by the shell (bash, zsh) or put where the shell looks for it (fish, zsh). */
export const script = (specs: ReadonlyArray<Spec>, shell: Shell): string =>
  ({ bash, zsh, fish })[shell](specs).join("\n")

const words = (flags: ReadonlyArray<AnyFlag>): string =>
  flags.flatMap(({ name, alias }) => [...(alias === undefined ? [] : [`-${alias}`]), `--${name}`]).join(" ")

const bash = (specs: ReadonlyArray<Spec>): ReadonlyArray<string> => [
  '# bash completion for shoal: eval "$(shoal --completions bash)"',
  "_shoal() {",
  '  local current="${COMP_WORDS[COMP_CWORD]}" command="" options word',
  '  for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do',
  `    case "$word" in ${specs.map(({ name }) => name).join("|")}) command="$word"; break ;; esac`,
  "  done",
  '  case "$command" in',
  ...specs.map((spec) => `    ${spec.name}) options="${words(completedFlags(spec))}" ;;`),
  `    *) options="${specs.map(({ name }) => name).join(" ")} ${words(Options.informing)}" ;;`,
  "  esac",
  // Without a match bash goes on to file names, by -o default.
  '  if [[ -z "$command" || "$current" == -* ]]; then COMPREPLY=($(compgen -W "$options" -- "$current")); fi',
  "}",
  "complete -o default -F _shoal shoal",
]

/** For single quotes in sh, with the signs that `_arguments` reads in a description. */
const quoted = (text: string): string => text.replaceAll("'", "'\\''").replace(/[[\]:]/g, "\\$&")

const zsh = (specs: ReadonlyArray<Spec>): ReadonlyArray<string> => {
  const one = ({ name, alias, kind, metavar, description }: AnyFlag): ReadonlyArray<string> => {
    const value = kind === "switch"
      ? ""
      : `:${metavar.replace(":", "\\:")}:${/FILE|DIR/.test(metavar) ? "_files" : ""}`
    const repeat = kind === "list" ? "*" : ""
    return [`--${name}`, ...(alias === undefined ? [] : [`-${alias}`])]
      .map((shown) => `'${repeat}${shown}[${quoted(description)}]${value}'`)
  }
  return [
    "#compdef shoal",
    "_shoal() {",
    "  local context state line",
    `  _arguments -C ${
      Options.informing.flatMap(one).join(" ")
    } '1:command:->command' '*::argument:->argument'`,
    '  case "$state" in',
    `    command) local -a commands=(${
      specs.map(({ name, summary }) => `'${name}:${quoted(summary)}'`).join(" ")
    }); _describe command commands ;;`,
    '    argument) case "${line[1]}" in',
    ...specs.map((spec) =>
      `      ${spec.name}) _arguments ${completedFlags(spec).flatMap(one).join(" ")}${
        spec.argument === undefined ? "" : " '*:file:_files'"
      } ;;`
    ),
    "    esac ;;",
    "  esac",
    "}",
    // As a file in $fpath the script is the function's body; evaluated, it has to register itself.
    'if [ "$funcstack[1]" = "_shoal" ]; then _shoal "$@"; else compdef _shoal shoal; fi',
  ]
}

const fish = (specs: ReadonlyArray<Spec>): ReadonlyArray<string> => {
  const text = (value: string) => `'${value.replace(/['\\]/g, "\\$&")}'`
  const one = (condition: string) => ({ name, alias, kind, metavar, description }: AnyFlag) =>
    `complete -c shoal -n ${text(condition)}${alias === undefined ? "" : ` -s ${alias}`} -l ${name}${
      kind === "switch" ? "" : /FILE|DIR/.test(metavar) ? " -r -F" : " -x"
    } -d ${text(description)}`
  return [
    ...specs.map(({ name, summary }) =>
      `complete -c shoal -f -n __fish_use_subcommand -a ${name} -d ${text(summary)}`
    ),
    ...Options.informing.map(one("__fish_use_subcommand")),
    ...specs.filter(({ argument }) => argument === undefined).map(({ name }) =>
      `complete -c shoal -f -n ${text(`__fish_seen_subcommand_from ${name}`)}`
    ),
    ...specs.flatMap((spec) => completedFlags(spec).map(one(`__fish_seen_subcommand_from ${spec.name}`))),
  ]
}
