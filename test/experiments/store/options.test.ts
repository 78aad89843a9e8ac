import { describe, expect, test } from "@jest/globals";
import { defaultStoreSizes } from "../../store/processes/ledger-run.js";
import { parseStoreOptions, quickStoreSizes } from "./options.js";

describe("the options of the shared store's experiments", () => {
  test("are all by default", () => {
    expect(parseStoreOptions([])).toEqual({
      faults: ["a", "b", "c", "d", "e", "f"],
      outages: ["g", "h", "i", "j", "k", "l"],
      near: [false, true],
      sizes: defaultStoreSizes,
    });
    expect(parseStoreOptions(["--help"])).toBeUndefined();
  });

  test("choose", () => {
    const argv = ["--only", "c, l, a", "--near", "on", "--keys", "40", "--json", "f"];
    expect(parseStoreOptions(argv)).toEqual({
      faults: ["a", "c"],
      outages: ["l"],
      near: [true],
      sizes: { ...defaultStoreSizes, keys: 40 },
      json: "f",
    });
    expect(parseStoreOptions(["--quick", "--rate", "200"])?.sizes).toEqual({
      ...quickStoreSizes,
      rate: 200,
    });
  });

  test.each([
    [["--only", "z"], 'unknown fault "z": expected some of a,b,c,d,e,f,g,h,i,j,k,l'],
    [["--near", "yes"], 'option --near: expected on, off or both, got "yes"'],
    [["--keys", "1"], 'option --keys: expected an integer >= 20, got "1"'],
    [["--json", ""], "option --json: expected a file name, got nothing"],
    [["--nonsense"], "Unknown option '--nonsense'"],
  ])("refuses %j", (argv, message) => {
    expect(() => parseStoreOptions(argv)).toThrow(
      expect.objectContaining({ name: "UsageError", message }),
    );
  });
});
