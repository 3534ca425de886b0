/** `Machine` on Node and on Deno's Node layer. */
import { execFile, spawn } from "node:child_process"
import { closeSync, openSync } from "node:fs"
import { readFile } from "node:fs/promises"
import { networkInterfaces } from "node:os"
import process from "node:process"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import { Machine, MachineError, type Started, type StartOptions } from "../Machine.ts"

/** Link-local IPv6 addresses mean nothing to others without the name of an interface of theirs. */
const addresses = Effect.sync((): ReadonlyArray<string> => {
  const all = Object.values(networkInterfaces()).flatMap((some) => some ?? [])
    .filter(({ address, internal }) => !internal && !/^fe80:/i.test(address))
  const of = (family: string) => all.filter((one) => one.family === family).map(({ address }) => address)
  return [...of("IPv4"), ...of("IPv6")]
})

/** What runs this program: the runtime with its own options, and the main file. */
const commandLine = (): ReadonlyArray<string> => [
  ...(process.versions["deno"] === undefined ? process.execArgv : ["run", "-A", "--quiet"]),
  process.argv[1]!,
]

const failure = (error: unknown, what: string): MachineError => {
  const { code, message } = error as { readonly code?: string; readonly message?: string }
  return new MachineError({ reason: code ?? "failed", message: `${what}: ${message ?? error}`, cause: error })
}

const start = ({ args, env, logFile }: StartOptions): Effect.Effect<Started, MachineError> =>
  Effect.gen(function* () {
    const exited = yield* Deferred.make<number | undefined>()
    const log = yield* Effect.try({
      try: () => openSync(logFile, "w", 0o600),
      catch: (error) => failure(error, `cannot write the log ${logFile}`),
    })
    const spawned = Effect.async<Started, MachineError>((resume) => {
      const child = spawn(process.execPath, [...commandLine(), ...args], {
        detached: true,
        stdio: ["ignore", log, log],
        env: { ...process.env, ...env },
        windowsHide: true,
      })
      child.once("error", (error) => resume(failure(error, "cannot start a process in the background")))
      child.once("exit", (code) => Deferred.unsafeDone(exited, Exit.succeed(code ?? undefined)))
      child.once("spawn", () => {
        child.unref()
        resume(Effect.succeed({ pid: child.pid!, exited: Deferred.await(exited) }))
      })
    })
    return yield* Effect.ensuring(spawned, Effect.sync(() => closeSync(log)))
  }).pipe(Effect.uninterruptible)

/** Signal 0 only asks; a process of another user is one, too. */
const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as { readonly code?: string }).code === "EPERM"
  }
}

/**
 * When the process began, in ticks since the machine did (proc(5)); nothing for one that has ended and waits for its
 * parent to notice, which in a container may take for ever.
 */
const fromProc = async (pid: number): Promise<string | undefined> => {
  const [boot, stat] = await Promise.all([
    readFile("/proc/sys/kernel/random/boot_id", "utf8"),
    readFile(`/proc/${pid}/stat`, "utf8"),
  ])
  // The second field is the program's name in parentheses, which may hold anything.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ")
  return /[ZX]/.test(fields[0]!) ? undefined : `${boot.trim()} ${fields[19]}`
}

/** Of a process that nothing more is known about than that it is there. */
const UNKNOWN = "unknown"

/** The same from ps(1), on systems without /proc. */
const fromPs = (pid: number): Promise<string | undefined> =>
  new Promise((resolve) =>
    execFile(
      "ps",
      ["-o", "lstart=", "-p", String(pid)],
      (error, stdout) => resolve(error === null && stdout.trim() !== "" ? stdout.trim() : UNKNOWN),
    )
  )

const identityOf = (pid: number): Effect.Effect<string | undefined> =>
  Effect.promise(async () => {
    if (!isAlive(pid)) return undefined
    if (process.platform !== "linux") return await fromPs(pid)
    return await fromProc(pid).catch(() => isAlive(pid) ? UNKNOWN : undefined)
  })

const identity = Effect.map(identityOf(process.pid), (own) => own ?? UNKNOWN)

const isRunning = (pid: number, identity: string): Effect.Effect<boolean> =>
  Effect.map(
    identityOf(pid),
    (found) => found !== undefined && (found === identity || found === UNKNOWN || identity === UNKNOWN),
  )

const terminate = (pid: number): Effect.Effect<void, MachineError> =>
  Effect.try({
    try: () => void process.kill(pid, "SIGTERM"),
    catch: (error) => failure(error, `process ${pid} cannot be ended`),
  }).pipe(Effect.catchIf(({ reason }) => reason === "ESRCH", () => Effect.void))

export const layer: Layer.Layer<Machine> = Layer.succeed(Machine, {
  addresses,
  start,
  identity,
  isRunning,
  terminate,
})
