import { open, stat } from "node:fs/promises";
import { pipeline } from "node:stream";
import { createGunzip } from "node:zlib";
import { TraceError } from "./trace-error.js";

/** The bytes of a trace, decompressed, and how far in the file they are. */
export interface TraceSource {
  readonly chunks: AsyncIterable<Buffer>;
  /** The part of the file that was consumed for what has been read so far, from 0 to 1. */
  progress(): number;
}

const CHUNK_SIZE = 65_536;
const GZIP_MAGIC = Buffer.from([0x1f, 0x8b]);

/**
 * Opens a trace file; a gzipped one is told by its first bytes, whatever it is called.
 * It is closed when the iteration of its chunks ends, for whatever reason.
 *
 * @throws TraceError if there is no such regular file, or it may not be read
 */
export async function openTrace(file: string): Promise<TraceSource> {
  try {
    const info = await stat(file);
    // Looked at before opening: to open a named pipe is to wait for its writer.
    if (info.isDirectory()) throw new TraceError(file, undefined, "is a directory, not a trace");
    if (!info.isFile()) throw new TraceError(file, undefined, "is not a regular file");
    return await openRegularFile(file, info.size);
  } catch (error) {
    throw describeFileError(file, error);
  }
}

async function openRegularFile(file: string, size: number): Promise<TraceSource> {
  const handle = await open(file);
  try {
    const start = Buffer.alloc(GZIP_MAGIC.length);
    await handle.read({ buffer: start, position: 0 });
    const bytes = handle.createReadStream({ start: 0, highWaterMark: CHUNK_SIZE });
    const share = (consumed: number) => (size === 0 ? 1 : Math.min(1, consumed / size));
    if (!start.equals(GZIP_MAGIC)) {
      return { chunks: bytes, progress: () => share(bytes.bytesRead) };
    }
    const gunzip = createGunzip({ chunkSize: CHUNK_SIZE });
    // An error on the way destroys gunzip with it, and so reaches whoever reads the chunks.
    pipeline(bytes, gunzip, () => undefined);
    return { chunks: gunzip, progress: () => share(gunzip.bytesWritten) };
  } catch (error) {
    await handle.close();
    throw error;
  }
}

/** What the user is told of an error from the file system or the decompressor; others stay as they are. */
export function describeFileError(file: string, error: unknown, line?: number): unknown {
  if (error instanceof TraceError) return error;
  const code = errorCode(error);
  const reason = code === undefined ? undefined : reasonFor(code);
  return reason === undefined ? error : new TraceError(file, line, reason, error);
}

function errorCode(error: unknown): string | undefined {
  const code = typeof error === "object" && error !== null && "code" in error && error.code;
  return typeof code === "string" ? code : undefined;
}

function reasonFor(code: string): string | undefined {
  switch (code) {
    case "ENOENT":
    case "ENOTDIR":
      return "no such file";
    case "EACCES":
    case "EPERM":
      return "permission denied";
    case "ERR_INVALID_ARG_VALUE":
      return "not a valid file name";
    case "Z_BUF_ERROR":
      return "the gzip data end too early: the file is truncated";
    default:
      if (code.startsWith("Z_")) return "the gzip data are corrupt";
      return /^E[A-Z0-9]+$/.test(code) ? `can't be read (${code})` : undefined;
  }
}
