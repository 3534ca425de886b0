/**
 * Which of Deno's permissions a program gets that this one puts in the background, and what of the environment. Deno
 * hands neither on by itself, and does not tell of which files or hosts a part of a permission is.
 */
import process from "node:process"

/** What it reads of the environment; the last two are what node:child_process reads to start a program. */
const VARIABLES = "SHOAL_*,HOME,XDG_STATE_HOME,LOCALAPPDATA,PATH,NODE_V8_COVERAGE"

/** Who may write where, how much room there is, and which networks this machine is on. */
const SYSTEM = "uid,gid,statfs,networkInterfaces"

const WHOLE = ["read", "write", "net"] as const

/** Of the permissions that a program is started with, those that it needs as a whole. */
export type Whole = (typeof WHOLE)[number]

/**
 * The flags of `deno run` for a seeder in the background: files and network as this program has them, which must be as a
 * whole, and of other programs only ps(1), to see who is running. Fails with the flags that are missing.
 */
export const background = (
  isGranted: (name: Whole) => boolean,
): { readonly flags: ReadonlyArray<string> } | { readonly missing: ReadonlyArray<string> } => {
  const missing = WHOLE.filter((name) => !isGranted(name)).map((name) => `--allow-${name}`)
  if (missing.length > 0) return { missing }
  const parts = [`--allow-env=${VARIABLES}`, `--allow-sys=${SYSTEM}`, "--allow-run=ps"]
  return { flags: ["--quiet", "--no-prompt", ...WHOLE.map((name) => `--allow-${name}`), ...parts] }
}

/** What the runtime itself and the programs that it finds go by: places, proxies, certificates, the language. */
const INHERITED = [
  ...["PATH", "HOME", "USER", "LANG", "LC_ALL", "TZ", "TMPDIR", "TMP", "TEMP", "SYSTEMROOT", "LOCALAPPDATA"],
  ...["XDG_STATE_HOME", "XDG_CACHE_HOME", "DENO_DIR", "DENO_CERT", "DENO_TLS_CA_STORE", "SSL_CERT_FILE"],
  ...["HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy", "NO_COLOR"],
]

/** The environment as far as it may be read: all of it, or what is permitted of {@link INHERITED}. */
export const environment = (): Readonly<Record<string, string | undefined>> => {
  try {
    return { ...process.env }
  } catch {
    return Object.fromEntries(INHERITED.flatMap((name) => {
      try {
        const value = process.env[name]
        return value === undefined ? [] : [[name, value]]
      } catch {
        return []
      }
    }))
  }
}
