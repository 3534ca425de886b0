/** Texts that are UTF-8 and texts that are not, and what shoal makes file names of them. */
import * as Bytes from "../../core/base/Bytes.ts"
import * as FilePath from "../../core/metainfo/FilePath.ts"
import { type Case, same, type Section } from "./Check.ts"
import * as Folder from "./Folder.ts"

const FILES = ["utf8_test.txt", "utf8_latin1_test.txt"]

const isUtf8 = (bytes: Bytes.Bytes): boolean => {
  try {
    new TextDecoder("utf-8", { fatal: true }).decode(bytes)
    return true
  } catch {
    return false
  }
}

const linesOf = (bytes: Bytes.Bytes): ReadonlyArray<Bytes.Bytes> => {
  const found: Array<Bytes.Bytes> = []
  let start = 0
  for (let i = 0; i <= bytes.length; i++) {
    if (i < bytes.length && bytes[i] !== 0x0a) continue
    if (i > start) found.push(bytes.subarray(start, i))
    start = i + 1
  }
  return found
}

const check = (name: string, line: Bytes.Bytes): Case => ({
  name,
  run: () => {
    const isValid = isUtf8(line)
    const decoder = new TextDecoder("utf-8", { ignoreBOM: true })
    return {
      verdict: isValid ? "accepted" : "rejected",
      problems: [
        ...same("is UTF-8", Bytes.isUtf8(line), isValid),
        ...(isValid ? same("text", Bytes.toUtf8(line), decoder.decode(line)) : []),
        ...(["posix", "portable"] as const).flatMap((names) => {
          const component = FilePath.component(line, names)
          return [
            ...same(`safe as a ${names} name`, component === "" || FilePath.isSafe(component, names), true),
            ...same(`stable as a ${names} name`, FilePath.component(Bytes.utf8(component), names), component),
          ]
        }),
      ],
    }
  },
})

export const sections: ReadonlyArray<Section> = [
  {
    title: "libtorrent: UTF-8 and not, line by line",
    needs: FILES.map((file) => ["libtorrent", "test", file]),
    minimum: 103,
    cases: () =>
      FILES.flatMap((file) =>
        linesOf(Folder.read("libtorrent", "test", file)).map((line, i) => check(`${file}:${i + 1}`, line))
      ),
  },
  {
    title: "blocklists, UPnP descriptions, similar torrents (BEP 38)",
    needs: [],
    minimum: 0,
    cases: () => [],
    note: "not read: shoal has no IP filter, no UPnP, and shares no files between torrents",
  },
]
