/** The environment without what npm tells the scripts it runs about the package they belong to. */
export function outerEnv(): NodeJS.ProcessEnv;

/** A program, or why there is none. */
export interface Runtime {
  readonly program?: string;
  readonly missing?: string;
}

/** What the tests of the package find in the variable NEBULEX_PACKED, as JSON. */
export interface Packed {
  readonly folder: string;
  readonly tarball: string;
  /** By name. */
  readonly runtimes: Readonly<Record<string, Runtime>>;
}

export default function setUp(): Promise<void>;
