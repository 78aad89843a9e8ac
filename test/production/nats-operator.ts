import { nkeys } from "@nats-io/transport-node";

type KeyPair = ReturnType<typeof nkeys.createUser>;

const base64url = (value: string | Uint8Array): string => Buffer.from(value).toString("base64url");

function token(issuer: KeyPair, subject: KeyPair, name: string, nats: object): string {
  const claims = {
    jti: name,
    iat: Math.floor(Date.now() / 1000),
    iss: issuer.getPublicKey(),
    name,
    sub: subject.getPublicKey(),
    nats: { ...nats, version: 2 },
  };
  const head = base64url(JSON.stringify({ typ: "JWT", alg: "ed25519-nkey" }));
  const text = `${head}.${base64url(JSON.stringify(claims))}`;
  return `${text}.${base64url(issuer.sign(new TextEncoder().encode(text)))}`;
}

/**
 * An operator with one account, as `nsc` makes them: the configuration of a server, and the file of
 * credentials of a user that may use these subjects.
 */
export function operator(allow: readonly string[]): { config: string; creds: string } {
  const [root, account, user] = [nkeys.createOperator(), nkeys.createAccount(), nkeys.createUser()];
  const unlimited = { subs: -1, data: -1, payload: -1 };
  const limits = { ...unlimited, imports: -1, exports: -1, wildcards: true, conn: -1, leaf: -1 };
  const accountToken = token(root, account, "streams", { type: "account", limits });
  const config = `operator: ${token(root, root, "operator", { type: "operator" })}
    resolver: MEMORY
    resolver_preload { ${account.getPublicKey()}: ${accountToken} }`;
  const rights = { pub: { allow }, sub: { allow } };
  const userToken = token(account, user, "streams", { type: "user", ...unlimited, ...rights });
  const seed = new TextDecoder().decode(user.getSeed());
  const creds = `-----BEGIN NATS USER JWT-----
${userToken}
------END NATS USER JWT------

-----BEGIN USER NKEY SEED-----
${seed}
------END USER NKEY SEED------
`;
  return { config, creds };
}
