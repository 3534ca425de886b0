/** A browser without a window, driven through its DevTools protocol over a pipe: no port, no dependency. */
import { spawn } from "node:child_process"
import type { Readable, Writable } from "node:stream"
import * as Process from "./Process.ts"
import * as TempDir from "./TempDir.ts"

/** An answer or an event of the protocol, as JSON. */
type Json = Readonly<Record<string, unknown>>

export interface Page {
  /** What the page said on its console, and what failed in it: one line each. */
  readonly complaints: ReadonlyArray<string>
  /** What it asked for beside the document itself. */
  readonly requests: ReadonlyArray<string>
  /** The value of an expression in the page; a promise is waited for. */
  readonly evaluate: <A>(expression: string) => Promise<A>
  /** Sends a command of the protocol to the page. */
  readonly send: (method: string, params?: Json) => Promise<Json>
  /** A PNG of the whole page. */
  readonly screenshot: () => Promise<Uint8Array>
}

export interface Look {
  readonly width: number
  readonly height: number
  readonly theme?: "light" | "dark"
  readonly isCalm?: boolean
}

export interface Chromium {
  /** Opens a page, and waits until it has loaded and drawn itself. */
  readonly open: (url: string, look: Look) => Promise<Page>
  readonly [Symbol.asyncDispose]: () => Promise<void>
}

const ANSWER_MS = 30_000

/** Starts the browser; it ends with the value, its profile too. */
export const start = (): Chromium => {
  const profile = TempDir.make("chromium")
  const child = spawn("chromium", [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    `--user-data-dir=${profile.path}`,
    "--remote-debugging-pipe",
    "about:blank",
  ], { stdio: ["ignore", "ignore", "pipe", "pipe", "pipe"], detached: true })
  let stderr = ""
  child.stderr!.setEncoding("utf8").on("data", (text: string) => stderr = (stderr + text).slice(-4_000))
  const exited = new Promise<void>((resolve) => {
    child.on("close", () => resolve())
    child.on("error", (error) => {
      stderr += error.message
      resolve()
    })
  })
  const input = child.stdio[3] as Writable
  const output = child.stdio[4] as Readable
  input.on("error", () => {})

  let lastId = 0
  const waiting = new Map<number, { resolve: (result: Json) => void; reject: (error: Error) => void }>()
  const listeners = new Map<string, (method: string, params: Json) => void>()
  void exited.then(() => {
    for (const { reject } of waiting.values()) reject(new Error(`chromium has ended\n${stderr}`))
  })
  let rest = ""
  output.setEncoding("utf8").on("data", (text: string) => {
    const messages = (rest + text).split("\0")
    rest = messages.pop()!
    for (const message of messages) {
      const { error, id, method, params, result, sessionId } = JSON.parse(message)
      if (id === undefined) {
        listeners.get(sessionId ?? "")?.(method, params)
        continue
      }
      const asked = waiting.get(id)
      waiting.delete(id)
      if (error === undefined) asked?.resolve(result)
      else asked?.reject(new Error(`chromium: ${error.message}`))
    }
  })
  const send = (method: string, params: Json = {}, sessionId?: string): Promise<Json> => {
    const id = ++lastId
    const answer = new Promise<Json>((resolve, reject) => waiting.set(id, { resolve, reject }))
    input.write(`${JSON.stringify({ id, method, params, sessionId })}\0`)
    return Process.within(answer, ANSWER_MS, () => `chromium did not answer ${method}\n${stderr}`)
  }

  const open = async (url: string, look: Look): Promise<Page> => {
    const { targetId } = await send("Target.createTarget", { url: "about:blank" })
    const { sessionId } = await send("Target.attachToTarget", { targetId, flatten: true })
    const session = String(sessionId)
    const complaints: Array<string> = []
    const requests: Array<string> = []
    let loaded = (): void => {}
    const load = new Promise<void>((resolve) => loaded = resolve)
    listeners.set(session, (method, params) => {
      if (method === "Page.loadEventFired") loaded()
      else if (method === "Network.requestWillBeSent") {
        const { request } = params as { readonly request: { readonly url: string } }
        if (request.url !== url) requests.push(request.url)
      } else if (
        method === "Runtime.exceptionThrown" || method === "Runtime.consoleAPICalled" ||
        method === "Log.entryAdded"
      ) complaints.push(`${method}: ${JSON.stringify(params)}`)
    })
    const ask = (method: string, params: Json = {}) => send(method, params, session)
    for (const domain of ["Page", "Runtime", "Log", "Network"]) await ask(`${domain}.enable`)
    const { height, width } = look
    await ask("Emulation.setDeviceMetricsOverride", {
      width,
      height,
      deviceScaleFactor: 1,
      mobile: width < 600,
    })
    await ask("Emulation.setEmulatedMedia", {
      features: [
        { name: "prefers-color-scheme", value: look.theme ?? "light" },
        { name: "prefers-reduced-motion", value: look.isCalm === true ? "reduce" : "no-preference" },
      ],
    })
    await ask("Page.navigate", { url })
    await Process.within(load, ANSWER_MS, () => `chromium did not load ${url}`)
    const evaluate = async <A>(expression: string): Promise<A> => {
      const answer = await ask("Runtime.evaluate", { expression, awaitPromise: true, returnByValue: true })
      const { exceptionDetails, result } = answer as {
        readonly exceptionDetails?: Json
        readonly result: { readonly value: A }
      }
      if (exceptionDetails !== undefined) {
        throw new Error(`${expression}: ${JSON.stringify(exceptionDetails)}`)
      }
      return result.value
    }
    // Charts draw in the first frame after their size is known.
    await evaluate(
      "new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => requestAnimationFrame(done))))",
    )
    return {
      complaints,
      requests,
      evaluate,
      send: ask,
      screenshot: async () => {
        const { cssContentSize } = await ask("Page.getLayoutMetrics")
        const clip = { ...cssContentSize as Json, scale: 1 }
        const { data } = await ask("Page.captureScreenshot", { captureBeyondViewport: true, clip })
        return Uint8Array.from(atob(String(data)), (character) => character.charCodeAt(0))
      },
    }
  }

  return {
    open,
    [Symbol.asyncDispose]: async () => {
      // A closing browser ends its own children, which a killed one leaves behind.
      await send("Browser.close").catch(() => void child.kill("SIGKILL"))
      await Process.within(exited, 10_000, () => "").catch(() => void child.kill("SIGKILL"))
      profile.remove()
    },
  }
}
