import { describe, expect, it } from "@effect/vitest"
import * as fc from "effect/FastCheck"
import { isIPv4, isIPv6 } from "node:net"
import * as Bytes from "../../../core/base/Bytes.ts"
import * as IpText from "../../../core/base/IpText.ts"

const hex = (bytes: Bytes.Bytes | undefined): string | undefined => bytes && Bytes.toHex(bytes)

describe("IPv4", () => {
  it.each([
    ["1.2.3.4", "01020304"],
    ["255.255.255.255", "ffffffff"],
    ["256.1.1.1", undefined],
    ["01.2.3.4", undefined],
    ["1.2.3", undefined],
    ["1.2.3.4.5", undefined],
    ["0x1.2.3.4", undefined],
    [" 1.2.3.4", undefined],
  ])("%s is %s", (text, bytes) => expect(hex(IpText.parse4(text))).toBe(bytes))
})

describe("IPv6", () => {
  it.each([
    ["::", "00000000000000000000000000000000"],
    ["::1", "00000000000000000000000000000001"],
    ["1::", "00010000000000000000000000000000"],
    ["2001:DB8::ff00:42:8329", "20010db8000000000000ff0000428329"],
    ["1:2:3:4:5:6:7:8", "00010002000300040005000600070008"],
    ["::ffff:1.2.3.4", "00000000000000000000ffff01020304"],
    ["1:2:3:4:5:6:1.2.3.4", "00010002000300040005000601020304"],
    ["1.2.3.4::", undefined],
    ["1:2:3:4:5:6:7::8:9", undefined],
    ["1:2:3:4:5:6:7", undefined],
    ["1::2::3", undefined],
    [":::", undefined],
    ["12345::", undefined],
    ["fe80::1%eth0", undefined],
    ["", undefined],
  ])("%s is %s", (text, bytes) => expect(hex(IpText.parse6(text))).toBe(bytes))

  const part = fc.constantFrom("", ":", "::", "0", "ab", "FFFF", "12345", "1.2.3.4", "1.2.3.400", ".", "x")
  it.prop(
    "agrees with the operating system's view on any text",
    [fc.array(part, { maxLength: 18 })],
    ([parts]) => {
      const text = parts.join("")
      expect(IpText.parse6(text) !== undefined, text).toBe(isIPv6(text))
      expect(IpText.parse4(text) !== undefined, text).toBe(isIPv4(text))
    },
  )
})
