package gateway

import (
	"slices"
	"strings"

	"github.com/latchkey-io/latchkey/gateway/jfrog"
	"github.com/latchkey-io/latchkey/gateway/web"
)

// reservedPaths are the paths at or below which nothing is a route on the host
// of Config.PublicURL.
func reservedPaths() []string {
	return []string{
		"/-/", "/ui/", "/v2/token/", "/access/api/",
		"/artifactory/api/security/", "/artifactory/api/system/", lfsPath,
	}
}

// reservedElsewhere are those on the hosts of routes.
func reservedElsewhere() []string { return []string{"/-/"} }

// ownRows is every URL of our own. Beside it stand only "GET /-/jwks.json", on
// every host, and what Config.LFS answers: door.go adds them to each site.
func ownRows(d *door) []row {
	c := d.cfg
	a := &api{auth: c.Auth, machine: c.Machine, public: c.PublicURL, cookie: cookieFor(c.PublicURL), now: c.Now}
	pages := web.New(web.Config{
		Auth: c.Auth, PublicURL: c.PublicURL, Sessions: pageSessions{a}, StatusOf: statusOf,
		Logins: c.Logins, Attempts: attempts{a.cookie, d.failedWays},
		Machine: c.Machine, SSHAddress: c.SSHAddress, Now: c.Now,
	})
	rows := append(pageRows(pages), elsewhereRows(c, pages)...)
	rows = append(rows, apiRows(a)...)
	rows = append(rows, npmRows()...)
	rows = append(rows, registryRows(d)...)
	if c.JFrog.API {
		rows = append(rows, jfrogRows(c)...)
	}
	return rows
}

// elsewhereRows are the ways to providers and back; the last is for the
// providers themselves.
func elsewhereRows(c Config, p *web.Pages) []row {
	const root = "/-/oauth/{provider}"
	rows := append(below(root, inPages, []row{
		own(anybody, "GET /start", p.StartSignIn),
		own(user, "POST /start", web.Person(p.Start)),
		own(anybody, "GET /callback", p.Finish),
	}), below(root, inOAuth, []row{
		own(nobody, "POST /logout", backchannel{c.Auth, c.Logins}.logout),
	})...)
	for i := range rows {
		rows[i].networkOnly = true
	}
	return rows
}

// pageRows is what people see.
func pageRows(p *web.Pages) []row {
	rows := []row{
		own(nobody, "GET /{$}", p.Begin), // where no route lies at "/"
		own(nobody, "GET /ui", p.Begin),
		own(user, "GET /ui/{$}", p.Home),
		own(anybody, "GET /ui/login", p.ShowLogin),
		own(anybody, "POST /ui/login", p.SignIn),
		own(anybody, "POST /ui/renew", p.Renew),
		own(anybody, "GET /ui/forgot", p.ShowForgot),
		own(anybody, "POST /ui/forgot", p.Forgot),
		own(anybody, "GET /ui/reset", p.ShowReset),
		own(anybody, "POST /ui/reset", p.Reset),
		own(anybody, "GET /ui/email", p.ShowEmail),
		own(anybody, "POST /ui/email", p.ConfirmEmail),
		own(anybody, "POST /ui/login/client", p.AnswerProgram),
		own(anybody, "POST /ui/logout", p.SignOut),
		own(nobody, "GET /ui/style.css", p.Style),
		own(nobody, "GET /ui/app.js", p.Script),
	}
	return below("", inPages, slices.Concat(rows, profileRows(p), adminRows(p)))
}

// profileRows are the pages of a person's own.
func profileRows(p *web.Pages) []row {
	rows := []row{
		own(user, "GET /profile", p.ShowCredentials),
		own(user, "GET /profile/unlock", p.ShowUnlock),
		own(user, "POST /profile/unlock", p.Unlock),
		own(user, "POST /profile/lock", p.LockNow),

		own(user, "POST /profile/apikey", p.MakeKey),
		own(user, "POST /profile/apikey/show", p.ShowKey),
		own(user, "GET /profile/apikey/rotate", p.AskRotateKey),
		own(user, "POST /profile/apikey/rotate", p.RotateKey),
		own(user, "GET /profile/apikey/revoke", p.AskRevokeKey),
		own(user, "POST /profile/apikey/revoke", p.RevokeKey),
		own(user, "POST /profile/encrypted-password/show", p.ShowEncrypted),

		own(user, "GET /profile/tokens", p.ShowTokens),
		own(user, "POST /profile/tokens", p.MakeToken),
		own(user, "GET /profile/tokens/new", p.AskToken),
		own(user, "GET /profile/tokens/{id}/rotate", p.AskRotateToken),
		own(user, "POST /profile/tokens/{id}/rotate", p.RotateToken),
		own(user, "GET /profile/tokens/{id}/revoke", p.AskRevokeToken),
		own(user, "POST /profile/tokens/{id}/revoke", p.RevokeToken),

		own(user, "GET /profile/ssh", p.ShowSSHKeys),
		own(user, "POST /profile/ssh", p.AddSSHKey),
		own(user, "GET /profile/ssh/{id}/delete", p.AskDeleteSSHKey),
		own(user, "POST /profile/ssh/{id}/delete", p.DeleteSSHKey),

		own(user, "GET /profile/sessions", p.ShowSessions),
		own(user, "POST /profile/sessions/end", p.EndSession),
		own(user, "GET /profile/sessions/end-others", p.AskEndSessions),
		own(user, "POST /profile/sessions/end-others", p.EndSessions),

		own(user, "GET /profile/account", p.ShowAccount),
		own(user, "POST /profile/account/name", p.SaveName),
		own(user, "POST /profile/account/email", p.SaveEmail),
		own(user, "POST /profile/account/password", p.SavePassword),

		own(user, "GET /profile/upstreams", p.ShowUpstreams),
		own(user, "POST /profile/upstreams/{upstream}", p.SaveUpstream),
		own(user, "POST /profile/upstreams/{upstream}/test", p.TestUpstream),
		own(user, "GET /profile/upstreams/{upstream}/delete", p.AskDeleteUpstream),
		own(user, "POST /profile/upstreams/{upstream}/delete", p.DeleteUpstream),

		own(user, "GET /profile/accounts", p.ShowAccounts),
		own(user, "GET /profile/accounts/{id}/unlink", p.AskUnlink),
		own(user, "POST /profile/accounts/{id}/unlink", p.Unlink),
		own(user, "GET /profile/activity", p.ShowActivity),
	}
	return below("/ui", inPages, forPeople(rows, web.Person))
}

// adminRows are the pages of the administration. Everything that is done there
// has a page at the same address that asks first.
func adminRows(p *web.Pages) []row {
	rows := []row{
		own(user, "GET /admin", p.Administration),
		own(user, "GET /admin/users", p.ListUsers),
		own(user, "GET /admin/users/new", p.ShowNewUser),
		own(user, "POST /admin/users/new", p.AddUser),
		own(user, "GET /admin/users/{user}", p.ShowUser),
		own(user, "GET /admin/users/{user}/{$}", p.ShowUser), // for the user "new"
		own(user, "GET /admin/users/{user}/edit", p.ShowEditUser),
		own(user, "POST /admin/users/{user}/edit", p.EditUser),
		own(user, "GET /admin/users/{user}/reset-link", p.AskResetLink),
		own(user, "POST /admin/users/{user}/reset-link", p.MakeResetLink),

		own(user, "GET /admin/groups", p.ListGroups),
		own(user, "GET /admin/groups/new", p.ShowNewGroup),
		own(user, "POST /admin/groups/new", p.AddGroup),
		own(user, "GET /admin/groups/edit", p.ShowEditGroup),
		own(user, "POST /admin/groups/edit", p.EditGroup),
		own(user, "GET /admin/groups/delete", p.AskDeleteGroup),
		own(user, "POST /admin/groups/delete", p.DeleteGroup),

		own(user, "GET /admin/keys", p.ShowAllKeys),
		own(user, "GET /admin/keys/revoke-all", p.AskRevokeAllKeys),
		own(user, "POST /admin/keys/revoke-all", p.RevokeAllKeys),

		own(user, "GET /admin/audit", p.ShowAudit),
		own(user, "POST /admin/audit/verify", p.VerifyAudit),
		own(user, "GET /admin/policies", p.ShowPolicies),
		own(user, "GET /admin/health", p.ShowHealth),
	}
	for _, act := range web.UserActs { // disable, delete, …
		at := " /admin/users/{user}/" + string(act)
		rows = append(rows, own(user, "GET"+at, handler(p.AskUser(act))), own(user, "POST"+at, handler(p.ActOnUser(act))))
	}
	for _, kind := range web.Holdings { // tokens, sshkeys, sessions, upstreams
		at := " /admin/users/{user}/" + string(kind)
		rows = append(rows, own(user, "GET"+at, handler(p.ShowHeld(kind))),
			own(user, "GET"+at+"/{id}/end", handler(p.AskEndHeld(kind))), own(user, "POST"+at+"/{id}/end", handler(p.EndHeld(kind))))
	}
	return below("/ui", inPages, forPeople(rows, web.Admin))
}

// forPeople lets the rows' handlers be reached through door.
func forPeople(rows []row, door func(web.Handler) web.Handler) []row {
	for i, r := range rows {
		rows[i].handler = door(r.handler)
	}
	return rows
}

// apiRows is the JSON API. {user} may be "me", and /me is short for /users/me.
func apiRows(a *api) []row {
	rows := []row{
		own(nobody, "GET /openapi.json", a.openAPI),
		own(user, "GET /whoami", a.whoami),
		own(user, "GET /me", a.whoami),

		own(user, "GET /users", a.listUsers),
		own(user, "POST /users", a.createUser),
		own(user, "GET /users/{user}", a.getUser),
		own(user, "PATCH /users/{user}", a.updateUser),
		own(user, "DELETE /users/{user}", a.deleteUser),
		own(user, "POST /users/{user}/disable", a.disableUser),
		own(user, "POST /users/{user}/enable", a.enableUser),
		own(user, "POST /users/{user}/clear-guesses", a.clearGuesses),
		own(user, "PUT /users/{user}/password", a.changePassword),
		own(user, "POST /users/{user}/reset-link", a.resetLink),
		own(user, "PUT /users/{user}/email", a.changeEmail),
		own(nobody, "POST /forgot", a.forgot),
		own(user, "GET /users/{user}/encrypted-password", a.encryptedPassword),

		own(user, "GET /groups", a.listGroups),
		own(user, "POST /groups", a.createGroup),
		own(user, "GET /groups/{group}", a.getGroup),
		own(user, "PATCH /groups/{group}", a.updateGroup),
		own(user, "DELETE /groups/{group}", a.deleteGroup),

		own(user, "GET /users/{user}/apikey", a.showKey),
		own(user, "POST /users/{user}/apikey", a.createKey),
		own(user, "PUT /users/{user}/apikey", a.rotateKey),
		own(user, "DELETE /users/{user}/apikey", a.revokeKey),
		own(user, "DELETE /apikeys", a.revokeAllKeys),

		own(user, "GET /users/{user}/tokens", a.listTokens),
		own(user, "POST /users/{user}/tokens", a.createToken),
		own(user, "GET /tokens/{id}", a.getToken),
		own(user, "DELETE /tokens/{id}", a.revokeToken),
		own(user, "POST /tokens/{id}/rotate", a.rotateToken),

		own(user, "GET /users/{user}/sshkeys", a.listSSHKeys),
		own(user, "POST /users/{user}/sshkeys", a.createSSHKey),
		own(user, "DELETE /sshkeys/{id}", a.deleteSSHKey),

		own(nobody, "GET /providers", a.listProviders),
		own(user, "GET /users/{user}/bindings", a.listBindings),
		own(user, "DELETE /bindings/{id}", a.deleteBinding),

		own(user, "GET /upstreams", a.listUpstreams),
		own(user, "GET /users/{user}/upstreams", a.listUpstreamCredentials),
		own(user, "PUT /users/{user}/upstreams/{upstream}", a.setUpstreamCredential),
		own(user, "DELETE /users/{user}/upstreams/{upstream}", a.deleteUpstreamCredential),
		own(user, "POST /users/{user}/upstreams/{upstream}/test", a.testUpstreamCredential),

		own(anybody, "POST /session", a.createSession),
		own(anybody, "DELETE /session", a.endSession),
		own(user, "POST /session/unlock", a.unlockSession),
		own(user, "POST /session/lock", a.lockSession),
		own(user, "GET /users/{user}/sessions", a.listSessions),
		own(user, "DELETE /users/{user}/sessions", a.revokeSessions),
		own(user, "DELETE /sessions/{id}", a.revokeSession),

		own(user, "GET /users/{user}/activity", a.listActivity),
		own(user, "GET /audit", a.searchAudit),
		own(user, "GET /audit/verify", a.verifyAudit),
		own(user, "POST /explain/job", a.explainJob),
	}
	if a.machine != nil {
		rows = append(rows,
			own(user, "GET /health", a.health),
			onSocket("POST /lfs/fsck", a.fsck),
			onSocket("GET /ssh/known-hosts", a.knownHosts),
			onSocket("POST /master-key/rotate", a.rotateMasterKey))
	}
	rows = append(rows, shortForMe(rows)...)
	for i, r := range rows {
		if strings.Contains(r.pattern, "{user}") || strings.Contains(r.pattern, " /me") {
			rows[i].handler = ofUser(r.handler)
		}
	}
	return below(apiRoot, inProblems, rows)
}

// certificateName is the subject of the certificate of access tokens.
const certificateName = "Latchkey access tokens"

// jfrogRows is the JFrog dialect.
func jfrogRows(c Config) []row {
	config := jfrog.Config{Auth: c.Auth, ReportedVersion: c.JFrog.ReportedVersion, Origin: originOf(c.PublicURL), Now: c.Now}
	if c.Ring != nil {
		config.Certificate = func() ([]byte, error) { return c.Ring.Certificate(certificateName) }
	}
	j := jfrog.New(config)
	rows := below("/artifactory/api", inGeneral, []row{
		own(user, "GET /security/apiKey", j.ShowKey),
		own(anybody, "POST /security/apiKey", j.CreateKey),
		own(user, "PUT /security/apiKey", j.RotateKey),
		own(user, "DELETE /security/apiKey", j.RevokeKey),
		own(user, "DELETE /security/apiKey/{user}", j.RevokeKeyOf),
		own(user, "GET /security/encryptedPassword", j.EncryptedPassword),
		own(nobody, "GET /system/ping", j.Ping),
		own(nobody, "GET /system/version", j.Version),
		own(nobody, "POST /system/usage", j.Usage),
		own(user, "GET /system/service_id", j.ServiceID),
		own(nobody, "/security/", j.Nothing),
		own(nobody, "/system/", j.Nothing),
	})
	return slices.Concat(rows, jfrogTokenRows(j), jfrogPeople(j), npmSignInRows(j), webLoginRows(j))
}

// jfrogPeople is the part of the JFrog dialect that keeps accounts.
func jfrogPeople(j *jfrog.API) []row {
	return append(below("/artifactory/api/security", inGeneral, []row{
		own(user, "GET /users", j.ListUsers),
		own(user, "GET /users/apiKey", j.ListKeys),
		own(user, "PUT /users/apiKey", j.ImportKeys),
		own(user, "GET /users/{user}", j.ShowUser),
		own(user, "PUT /users/{user}", j.PutUser),
		own(user, "POST /users/{user}", j.PostUser),
		own(user, "DELETE /users/{user}", j.DeleteUser),

		own(user, "GET /groups", j.ListGroups),
		own(user, "GET /groups/{group}", j.ShowGroup),
		own(user, "PUT /groups/{group}", j.PutGroup),
		own(user, "POST /groups/{group}", j.PostGroup),
		own(user, "DELETE /groups/{group}", j.DeleteGroup),

		own(nobody, "POST /users/authorization/changePassword", j.ChangePassword),
		own(user, "POST /users/authorization/expirePassword", j.ExpirePasswords),
		own(user, "POST /users/authorization/expirePasswords", j.ExpirePasswords),
		own(user, "POST /users/authorization/expirePassword/{user}", j.ExpirePasswordOf),
		own(user, "POST /users/authorization/expirePasswordForAllUsers", j.ExpireAllPasswords),
		own(user, "POST /users/authorization/unexpirePassword/{user}", j.UnexpirePasswordOf),
		own(user, "POST /users/authorization/unexpirePasswordForAllUsers", j.UnexpireAllPasswords),
		own(user, "GET /configuration/passwordExpirationPolicy", j.ExpirationPolicy),
		own(user, "PUT /configuration/passwordExpirationPolicy", j.SetExpirationPolicy),

		own(user, "GET /userLockPolicy", j.LockPolicy),
		own(user, "PUT /userLockPolicy", j.SetLockPolicy),
		own(user, "GET /lockedUsers", j.LockedUsers),
		own(user, "POST /unlockUsers", j.UnlockUsers),
		own(user, "POST /unlockUsers/{user}", j.UnlockUser),
		own(user, "POST /unlockAllUsers", j.UnlockAllUsers),
	}), below("/access/api/v2", inAccess, []row{
		own(user, "GET /users", j.ListUsersV2),
		own(user, "POST /users", j.CreateUserV2),
		own(user, "GET /users/{user}", j.ShowUserV2),
		own(user, "PATCH /users/{user}", j.PatchUserV2),
		own(user, "DELETE /users/{user}", j.DeleteUserV2),
		own(user, "PATCH /users/{user}/groups", j.PatchUserGroups),
		own(user, "PUT /users/{user}/password", j.PutPassword),
		own(user, "POST /users/{user}/password/expire", j.ExpirePasswordV2),
		own(user, "POST /users/{user}/unlock", j.UnlockUserV2),

		own(user, "GET /groups", j.ListGroupsV2),
		own(user, "POST /groups", j.CreateGroupV2),
		own(user, "GET /groups/{group}", j.ShowGroupV2),
		own(user, "PATCH /groups/{group}", j.PatchGroupV2),
		own(user, "DELETE /groups/{group}", j.DeleteGroupV2),
		own(user, "PATCH /groups/{group}/members", j.PatchMembers),
	})...)
}

// jfrogTokenRows are the legacy tokens of Artifactory and the tokens of Access.
// A refresh token is a proof by itself, so nobody need be known to bring one;
// Access's clients show the ended access token with it.
func jfrogTokenRows(j *jfrog.API) []row {
	legacy := below("/artifactory/api/security/token", inOAuth, []row{
		own(anybody, "POST ", j.CreateLegacyToken),
		own(user, "GET ", j.ListLegacyTokens),
		own(user, "POST /revoke", j.RevokeLegacyToken),
	})
	return append(legacy, below("/access/api/v1", inAccess, []row{
		own(lenient, "POST /tokens", j.CreateToken),
		own(user, "GET /tokens", j.ListTokens),
		own(user, "GET /tokens/{id}", j.ShowToken),
		own(user, "GET /tokens/me", j.ShowOwnToken),
		own(user, "DELETE /tokens/{id}", j.RevokeToken),
		own(user, "DELETE /tokens/me", j.RevokeOwnToken),
		own(user, "DELETE /tokens/revoke", j.RevokeTokenByValue),
		own(user, "POST /tokens/revoke", j.RevokeTokenByValue),
		own(nobody, "POST /oidc/token", j.ExchangeJobToken),
		own(nobody, "GET /cert/root", j.RootCertificate),
		own(nobody, "GET /system/ping", j.Ping),
		own(user, "GET /config/token/default_expiry", j.DefaultExpiry),
		own(user, "PUT /config/token/default_expiry", j.SetDefaultExpiry),
	})...)
}

// registryRows are where container clients sign in. A route at /v2/ or below
// gets the rest.
func registryRows(d *door) []row {
	return []row{
		{pattern: "GET /v2/{$}", need: user, short: true, dialect: inRegistry, handler: registryHere},
		{pattern: "GET /v2/token", need: anybody, dialect: inTokens, handler: d.registryToken},
	}
}

// npmRows are where npm signs in. They lie among the packages of npm
// repositories, which a route may lead to, and never reach its upstream.
func npmRows() []row {
	return below("/artifactory/api/npm", inGeneral, []row{
		own(nobody, "/auth", nothing),
		own(nobody, "/{repository}/-/whoami", nothing),
		own(nobody, "/{repository}/-/v1/", nothing),
		own(nobody, "/{repository}/-/user/", nothing),
	})
}

// npmSignInRows are those of npmRows that something is served at. Signing in
// looks at no credential: npm sends the one that it has, ended or not.
func npmSignInRows(j *jfrog.API) []row {
	return below("/artifactory/api/npm", inGeneral, []row{
		own(user, "GET /auth", j.NPMAuth),
		own(user, "GET /{repository}/-/whoami", j.NPMWhoAmI),
		own(nobody, "POST /{repository}/-/v1/login", j.NPMWebLogin),
		own(nobody, "GET /{repository}/-/v1/done/{session}", j.NPMWebLoginDone),
		own(nobody, "PUT /{repository}/-/user/{user}", j.NPMSignIn),
		own(nobody, "DELETE /{repository}/-/user/token/{token}", j.NPMSignOut),
	})
}

// webLoginRows let a program in through a browser; it has no credential yet.
func webLoginRows(j *jfrog.API) []row {
	return below("/access/api/v2/authentication/jfrog_client_login", inAccess, []row{
		own(nobody, "POST /request", j.RequestWebLogin),
		own(nobody, "GET /token/{session}", j.TakeWebLogin),
	})
}
