import { generateKeyPairSync, randomBytes, sign } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";

/** A certificate for `localhost` and 127.0.0.1, signed by itself, and its key, both as PEM. */
export class Certificate {
  readonly cert: string;
  readonly key: string;

  constructor() {
    const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
    const name = sequence(set(sequence(commonName, der(0x0c, Buffer.from("localhost")))));
    const signed = sequence(
      der(0xa0, integer(2)),
      der(0x02, Buffer.concat([Buffer.of(1), randomBytes(8)])),
      sequence(ecdsaWithSha256),
      name,
      sequence(time(Date.now() - day), time(Date.now() + day)),
      name,
      publicKey.export({ type: "spki", format: "der" }),
      der(0xa3, sequence(sequence(subjectAltName, der(0x04, altNames)))),
    );
    const signature = der(0x03, Buffer.concat([Buffer.of(0), sign("sha256", signed, privateKey)]));
    const whole = sequence(signed, sequence(ecdsaWithSha256), signature);
    const lines = whole.toString("base64").replace(/.{64}/g, "$&\n");
    this.cert = `-----BEGIN CERTIFICATE-----\n${lines}\n-----END CERTIFICATE-----\n`;
    this.key = privateKey.export({ type: "pkcs8", format: "pem" }) as string;
  }

  /** Writes both into a folder; gives the files' names. */
  writeTo(folder: string): { cert: string; key: string } {
    const files = { cert: join(folder, "cert.pem"), key: join(folder, "key.pem") };
    writeFileSync(files.cert, this.cert);
    writeFileSync(files.key, this.key);
    return files;
  }
}

const day = 86_400_000;

function der(tag: number, content: Buffer): Buffer {
  const { length } = content;
  const size =
    length < 128 ? [length] : length < 256 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.of(tag, ...size), content]);
}

const sequence = (...parts: Buffer[]): Buffer => der(0x30, Buffer.concat(parts));
const set = (part: Buffer): Buffer => der(0x31, part);
const integer = (value: number): Buffer => der(0x02, Buffer.of(value));
const identifier = (hex: string): Buffer => der(0x06, Buffer.from(hex, "hex"));
const time = (at: number): Buffer => {
  const digits = new Date(at).toISOString().replace(/\D/g, "").slice(0, 14);
  return der(0x18, Buffer.from(`${digits}Z`));
};

const ecdsaWithSha256 = identifier("2a8648ce3d040302");
const commonName = identifier("550403");
const subjectAltName = identifier("551d11");
const altNames = sequence(der(0x82, Buffer.from("localhost")), der(0x87, Buffer.of(127, 0, 0, 1)));
