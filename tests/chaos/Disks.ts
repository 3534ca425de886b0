/**
 * Disks of one's own that can be filled, made read-only, or lose their power: an ext4 file system in a file. What the power
 * takes with it is everything that was not synced: `EXT4_IOC_SHUTDOWN` drops it, journal and all, and mounting it again
 * finds what a machine would find after a power cut.
 */
import { execFileSync, spawnSync } from "node:child_process"
import { rmSync, truncateSync, writeFileSync } from "node:fs"
import { mkdirSync } from "node:fs"
import { join } from "node:path"
import process from "node:process"
import * as Process from "../support/Process.ts"
import * as TempDir from "../support/TempDir.ts"

export interface Disk {
  /** An empty folder on it. */
  readonly path: string
  /** Takes all room, and gives it back. */
  readonly fill: () => void
  readonly makeRoom: () => void
  /** Fails while a file is open for writing: the system doesn't do it then. */
  readonly remount: (mode: "ro" | "rw") => void
  /** From now on everything fails with EIO, and what was not synced is gone. */
  readonly cutPower: () => void
  /** Mounts it again as it was left. */
  readonly restart: () => void
  readonly remove: () => void
}

const SIZE_BYTES = 96 * 1024 * 1024

/** _IOR('X', 125, __u32), and the flag that says: without bringing the journal to the device. */
const SHUT_DOWN =
  "import fcntl, os, struct, sys; fcntl.ioctl(os.open(sys.argv[1], os.O_RDONLY), 0x8004587D, struct.pack('I', 2))"

const run = (program: string, ...args: ReadonlyArray<string>): void => {
  execFileSync(Process.find(program) ?? program, args, { stdio: "pipe" })
}

const live = new Set<string>()
process.on("exit", () => live.forEach((path) => spawnSync("umount", ["--lazy", path])))

/** Makes a disk of 96 MiB. */
export const make = (): Disk => {
  const folder = TempDir.make("disk")
  const image = join(folder.path, "image")
  const mountPoint = folder.sub("mount")
  const path = join(mountPoint, "downloads")
  const ballast = join(mountPoint, "ballast")
  const mount = (): void => {
    // Commits a second apart, as far as nobody syncs: the journal has old states to go back to.
    run("mount", "-o", "loop,commit=1", image, mountPoint)
    live.add(mountPoint)
  }
  const unmount = (): void => {
    run("umount", mountPoint)
    live.delete(mountPoint)
  }
  writeFileSync(image, "")
  truncateSync(image, SIZE_BYTES)
  try {
    run("mkfs.ext4", "-q", "-F", "-m", "0", image)
    mount()
  } catch (error) {
    folder.remove()
    throw error
  }
  mkdirSync(path)
  run("sync", "-f", mountPoint)
  return {
    path,
    fill: () => {
      // Until it is full; dd fails then, as it should.
      spawnSync("dd", ["if=/dev/zero", `of=${ballast}`, "bs=1M"], { stdio: "ignore" })
      spawnSync("dd", ["if=/dev/zero", `of=${ballast}2`, "bs=4k"], { stdio: "ignore" })
    },
    makeRoom: () => {
      rmSync(ballast, { force: true })
      rmSync(`${ballast}2`, { force: true })
    },
    remount: (mode) => run("mount", "-o", `remount,${mode}`, mountPoint),
    cutPower: () => run("python3", "-c", SHUT_DOWN, mountPoint),
    restart: () => {
      unmount()
      mount()
    },
    remove: () => {
      try {
        unmount()
      } catch {
        spawnSync("umount", ["--lazy", mountPoint])
      }
      folder.remove()
    },
  }
}

let reason: string | null | undefined

/** Why there are none here; `undefined` where there are. */
export const missing = (): string | undefined => {
  reason ??= ((): string | null => {
    if (process.platform !== "linux" || process.getuid?.() !== 0) {
      return "disks of one's own take root on Linux"
    }
    try {
      const disk = make()
      try {
        disk.cutPower()
        disk.restart()
      } finally {
        disk.remove()
      }
      return null
    } catch (error) {
      return `no disk could be mounted: ${String(error).split("\n")[0]}`
    }
  })()
  return reason ?? undefined
}
