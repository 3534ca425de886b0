/**
 * What Deno does not permit. Its errors reach us from anywhere, since any call of the runtime may meet one; a person
 * needs one line that says which permission is missing and what to add.
 */

/** As Deno words it: `Requires read access to "/x", run again with the --allow-read flag`. */
const WORDING = /Requires (.+?) access(?: to "?(.*?)"?)?, run again with the (--allow-[a-z-]+) flag/s

/** Causes of causes that are looked at: an error may be its own. */
const MAX_CAUSES = 8

/** A flag's value takes commas for separators, and Deno takes no quotes there. */
const valueOf = (flag: string, name: string | undefined): string => {
  if (name === undefined || name === "" || flag === "--allow-all") return ""
  if (flag === "--allow-env") return name.startsWith("SHOAL_") ? "=SHOAL_*" : `=${name}`
  // Of a URL only where it leads; its query may hold what nobody should see.
  if (flag === "--allow-net") return `=${name.replace(/^[a-z]+:\/\//, "").replace(/[/?#].*$/s, "")}`
  return `=${name.replace(/^file:\/\//, "")}`
}

const isDenial = (error: Error): boolean => error.name === "NotCapable" || WORDING.test(error.message)

/** One sentence about the permission that `error`, or what caused it, tells of; `undefined` where it tells of none. */
export const explain = (error: unknown): string | undefined => {
  let at = error
  for (let causes = 0; causes < MAX_CAUSES && at instanceof Error; causes++, at = at.cause) {
    if (!isDenial(at)) continue
    const match = WORDING.exec(at.message)
    if (match === null) return `Deno does not permit it: ${at.message}`
    const [, kind, name, flag] = match
    const value = valueOf(flag!, name)
    const what = value === "" ? `${kind} access` : `${kind} access to ${value.slice(1)}`
    return `Deno does not permit ${what}; run it again with ${flag}${value}`
  }
  return undefined
}
