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
import * as DenoFlags from "./DenoFlags.ts"

/** Link-local IPv6 addresses mean nothing to others without the name of an interface of theirs. */
const addresses = Effect.sync((): ReadonlyArray<string> => {
  const all = Object.values(networkInterfaces()).flatMap((some) => some ?? [])
    .filter(({ address, internal }) => !internal && !/^fe80:/i.test(address))
  const of = (family: string) => all.filter((one) => one.family === family).map(({ address }) => address)
  return [...of("IPv4"), ...of("IPv6")]
})

interface DenoPermissions {
  readonly querySync: (of: { readonly name: string }) => { readonly state: string }
}

/** Deno's permissions, where this is Deno. */
const denoPermissions = (globalThis as { readonly Deno?: { readonly permissions: DenoPermissions } }).Deno
  ?.permissions

/** The options of the runtime that runs this program, for another run of it. */
const runtimeOptions = (): Effect.Effect<ReadonlyArray<string>, MachineError> => {
  if (denoPermissions === undefined) return Effect.succeed(process.execArgv)
  const found = DenoFlags.background((name) => denoPermissions.querySync({ name }).state === "granted")
  return "flags" in found ? Effect.succeed(["run", ...found.flags]) : new MachineError({
    reason: "permission",
    message:
      "Deno does not tell which files and hosts are permitted here, so that all must be for a process in " +
      `the background; run it again with ${found.missing.join(" ")}`,
  })
}

const failure = (error: unknown, what: string): MachineError => {
  const { code, message } = error as { readonly code?: string; readonly message?: string }
  return new MachineError({ reason: code ?? "failed", message: `${what}: ${message ?? error}`, cause: error })
}

const start = ({ args, env, logFile }: StartOptions): Effect.Effect<Started, MachineError> =>
  Effect.gen(function* () {
    const exited = yield* Deferred.make<number | undefined>()
    const options = yield* runtimeOptions()
    const log = yield* Effect.try({
      try: () => openSync(logFile, "w", 0o600),
      catch: (error) => failure(error, `cannot write the log ${logFile}`),
    })
    const spawned = Effect.async<Started, MachineError>((resume) => {
      const child = spawn(process.execPath, [...options, process.argv[1]!, ...args], {
        detached: true,
        stdio: ["ignore", log, log],
        env: { ...DenoFlags.environment(), ...env },
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

/** Signal 0 only asks; a process of another user is one, too. Undefined where Deno does not permit to ask. */
const isAlive = (pid: number): boolean | undefined => {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    const { code, name } = error as { readonly code?: string; readonly name: string }
    return name === "NotCapable" ? undefined : code === "EPERM"
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

/** The form of what {@link fromProc} gives. */
const PROC = /^[0-9a-f-]{36} \d+$/

/** The same from ps(1), on systems without /proc, and under Deno, which lets nobody near that who may not do all. */
const fromPs = (pid: number): Promise<string | undefined> =>
  new Promise<string | undefined>((resolve) =>
    execFile(
      "ps",
      ["-o", "lstart=,stat=", "-p", String(pid)],
      { env: { ...DenoFlags.environment(), LC_ALL: "C" } },
      (error, stdout) => {
        const [, began, state] = /^(.*\S)\s+(\S+)\s*$/.exec(stdout.trim()) ?? []
        if (began !== undefined && state !== undefined) {
          return resolve(/^[ZX]/.test(state) ? undefined : began)
        }
        // Status 1 with nothing to say: there is none.
        resolve(error?.code === 1 ? undefined : UNKNOWN)
      },
    )
  ).catch(() => UNKNOWN)

/** ps(1) reckons back from now, so that it may say another second each time. */
const PS_JITTER_MS = 2_000

const isSame = (one: string, other: string): boolean =>
  one === other || one === UNKNOWN || other === UNKNOWN ||
  Math.abs(Date.parse(one) - Date.parse(other)) <= PS_JITTER_MS

/** Of a process that may be there: as /proc says, or as ps(1) does. */
const identityOf = (pid: number, isFromProc: boolean): Effect.Effect<string | undefined> =>
  Effect.promise(async () => {
    if (isAlive(pid) === false) return undefined
    if (!isFromProc) return await fromPs(pid)
    // What Deno does not permit, or is gone meanwhile.
    return await fromProc(pid).catch(() => isAlive(pid) === false ? undefined : UNKNOWN)
  })

const identity = Effect.gen(function* () {
  const own = process.platform === "linux" ? yield* identityOf(process.pid, true) : UNKNOWN
  return (own === UNKNOWN ? yield* identityOf(process.pid, false) : own) ?? UNKNOWN
})

/** Asked the way that the identity came from: the two ways say different things of one process. */
const isRunning = (pid: number, identity: string): Effect.Effect<boolean> =>
  Effect.map(
    identityOf(pid, PROC.test(identity)),
    (found) => found !== undefined && isSame(found, identity),
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
