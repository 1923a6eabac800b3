// A login provider of others, to try whether the console understands one that is not ours: npm's oidc-provider.
// Arguments: the directory with node_modules, the port, the redirect URI. Whoever comes is logged in as one person.
const [directory, port, redirectUri] = process.argv.slice(2);
const { default: Provider } = await import(`${directory}/node_modules/oidc-provider/lib/index.js`);
const issuer = `http://127.0.0.1:${port}`;

const provider = new Provider(issuer, {
  clients: [{
    client_id: "hookpoint-console",
    client_secret: process.env.CARGO_PKG_NAME,
    redirect_uris: [redirectUri],
    grant_types: ["authorization_code"],
    response_types: ["code"],
  }],
  claims: { openid: ["sub"], profile: ["name", "groups"] },
  // The groups are in the ID token, where the console reads them.
  conformIdTokenClaims: false,
  cookies: { keys: ["for tests only"] },
  pkce: { required: () => true },
  features: { devInteractions: { enabled: false } },
  interactions: { url: (_, interaction) => `/log-in/${interaction.uid}` },
  findAccount: (_, id) => ({
    accountId: id,
    claims: () => ({ sub: id, name: "Femke of oidc-provider", groups: ["desk"] }),
  }),
  async loadExistingGrant(ctx) {
    const { client, session } = ctx.oidc;
    const grant = new provider.Grant({ clientId: client.clientId, accountId: session.accountId });
    grant.addOIDCScope("openid profile");
    await grant.save();
    return grant;
  },
});

provider.use(async (ctx, next) => {
  if (!ctx.path.startsWith("/log-in/")) return next();
  const result = { login: { accountId: "person-1" } };
  ctx.redirect(await provider.interactionResult(ctx.req, ctx.res, result));
});

provider.listen(Number(port), "127.0.0.1", () => console.log("ready"));
