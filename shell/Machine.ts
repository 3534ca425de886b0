/** What a program asks of the machine it runs on: its addresses, and processes that outlive the one that started them. */
import * as Context from "effect/Context"
import * as Data from "effect/Data"
import type * as Effect from "effect/Effect"

/** `message` says what failed and with which process or file. */
export class MachineError extends Data.TaggedError("MachineError")<{
  readonly reason: string
  readonly message: string
  readonly cause?: unknown
}> {}

export interface StartOptions {
  /** Arguments after the program's own path. */
  readonly args: ReadonlyArray<string>
  /** Added to this process's environment. */
  readonly env: Readonly<Record<string, string>>
  /** Absolute; gets both streams, and is emptied before. */
  readonly logFile: string
}

export interface Started {
  readonly pid: number
  /** The exit code; `undefined` where a signal ended the process. */
  readonly exited: Effect.Effect<number | undefined>
}

export class Machine extends Context.Tag("shoal/Machine")<Machine, {
  /** Addresses by which others may reach this machine, IPv4 first; empty without a network. */
  readonly addresses: Effect.Effect<ReadonlyArray<string>>
  /** Starts this program again, away from the terminal: no signal of it arrives there, and it lives on when we end. */
  readonly start: (options: StartOptions) => Effect.Effect<Started, MachineError>
  /** What tells this process from a later one that is given its number. */
  readonly identity: Effect.Effect<string>
  /** True while the process runs that had this number and this identity. */
  readonly isRunning: (pid: number, identity: string) => Effect.Effect<boolean>
  /** Asks a process to end (SIGTERM); content if it is gone. */
  readonly terminate: (pid: number) => Effect.Effect<void, MachineError>
}>() {}
