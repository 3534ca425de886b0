/**
 * Passwords and passkeys that URLs hold, kept out of errors and logs. Where a URL is the result that was asked for, as in
 * `inspect`, it is whole; what people paste into a report must not be. Trackers' URLs are cut already where they come
 * from (`Url.redact` of the core); this is for those that the user typed, and for what the runtime says of them.
 */

const HIDDEN = "***"

/** A URL in a sentence: up to a blank, a quote or a bracket. */
const URL_IN_TEXT = /\b([a-z][a-z0-9+.-]{1,20}:\/\/)([^\s"'<>`|\\^{}]+)/gi
/** A magnet link, whose values are URLs of their own, with `:` and `/` as escapes. */
const MAGNET_IN_TEXT = /\bmagnet:\?[^\s"'<>`]+/gi
/** Of a magnet link, what may hold a passkey: trackers, web seeds, sources. */
const MAGNET_URLS = /\b((?:tr|ws|xs|as)(?:\.\d+)?=)[^&\s]+/gi

/** Passkeys are 16 or more letters and digits in one piece; names of files have dots, dashes or no digits. */
const isSecret = (part: string): boolean => /^[A-Za-z0-9_]{16,}$/.test(part) && /\d/.test(part)

const hideOne = (scheme: string, rest: string): string => {
  const [, authority = "", path = "", query = "", end = ""] =
    /^([^/?#]*)([^?#]*)(\?[^#]*?)?((?:#.*?)?[.,;:)\]…]*)$/s.exec(rest) ?? [undefined, "", HIDDEN]
  const at = authority.lastIndexOf("@")
  const host = at < 0 ? authority : `${HIDDEN}@${authority.slice(at + 1)}`
  const parts = path.split("/").map((part) => isSecret(part) ? HIDDEN : part).join("/")
  const pairs = query.replace(/([?&][^=&]*=)[^&]+/g, `$1${HIDDEN}`)
  return `${scheme}${host}${parts}${pairs}${end.startsWith("#") ? "" : end}`
}

/** `text` with the secret parts of the URLs and magnet links in it as `***`. */
export const hide = (text: string): string =>
  text
    .replace(MAGNET_IN_TEXT, (link) => link.replace(MAGNET_URLS, `$1${HIDDEN}`))
    .replace(URL_IN_TEXT, (_, scheme: string, rest: string) => hideOne(scheme, rest))
