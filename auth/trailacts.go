package auth

import "strings"

// target says what the target of an act is, as it stands in the trail.
type target int

const (
	nothing target = iota // nothing that could be named, or only an id of the caller's own
	aName                 // NAME of an account
	aThing                // "NAME ID": a thing of an account; NAME: all such things; an id alone where it is nobody's
	names                 // NAMEs of accounts, or everybody
	allKeys               // every account's API key
	aGroup                // of a group
)

// deed is an act as people are told of it.
type deed struct {
	target target
	did    string // "Revoked the API key"
	do     string // "revoke the API key", after "Tried to"
	about  string // what joins it to the account it was done to: " of "
}

// acts tells of every act.
var acts = map[act]deed{
	actUserCreate:  {aName, "Made the account", "make the account", " "},
	actUserShow:    {aName, "Looked at the account", "look at the account", " "},
	actUserList:    {nothing, "Listed the accounts", "list the accounts", ""},
	actUserUpdate:  {aName, "Changed the account", "change the account", " "},
	actUserDisable: {aName, "Disabled the account", "disable the account", " "},
	actUserEnable:  {aName, "Enabled the account", "enable the account", " "},
	actUserDelete:  {aName, "Deleted the account", "delete the account", " "},
	actUserClear:   {aName, "Cleared the count of wrong guesses", "clear the count of wrong guesses", " for "},

	actGroupChange: {aGroup, "Changed the group", "change the group", " "},
	actGroupDelete: {aGroup, "Deleted the group", "delete the group", " "},
	actGroupShow:   {aGroup, "Looked at the group", "look at the group", " "},

	actPasswordChange:   {aName, "Changed the password", "change the password", " of "},
	actPasswordEncrypt:  {aName, "Looked at the encrypted password", "look at the encrypted password", " of "},
	actPasswordExpire:   {names, "Let the password expire", "let the password expire", " of "},
	actPasswordUnexpire: {names, "Took back the expiry of the password", "take back the expiry of the password", " of "},
	actPasswordForgot:   {aName, "A link to choose a new password was asked for", "ask for a link to choose a new password", " for "},
	actResetLink:        {aName, "Made a link to choose a new password", "make a link to choose a new password", " for "},
	actPasswordReset:    {aName, "Chose a new password by a link", "choose a new password by a link", " for "},

	actEmailChange:  {aThing, "Gave another e-mail address", "give another e-mail address", " of "},
	actEmailConfirm: {aThing, "Confirmed the new e-mail address", "confirm a new e-mail address", " of "},

	actKeyCreate:    {aName, "Generated an API key", "generate an API key", " for "},
	actKeyShow:      {aName, "Looked at the API key", "look at the API key", " of "},
	actKeyInfo:      {aName, "Looked whether there is an API key", "look whether there is an API key", " of "},
	actKeyRotate:    {aName, "Regenerated the API key", "regenerate the API key", " of "},
	actKeyRevoke:    {aName, "Revoked the API key", "revoke the API key", " of "},
	actKeyRevokeAll: {allKeys, "Revoked everybody's API keys", "revoke everybody's API keys", ""},

	actTokenCreate:   {aThing, "Generated an identity token", "generate an identity token", " for "},
	actTokenShow:     {aThing, "Looked at an identity token", "look at an identity token", " of "},
	actTokenRevoke:   {aThing, "Revoked an identity token", "revoke an identity token", " of "},
	actTokenRotate:   {aThing, "Rotated an identity token", "rotate an identity token", " of "},
	actTokenGrant:    {nothing, "Got a short token", "get a short token", ""},
	actTokenRefresh:  {aThing, "Renewed an identity token", "renew an identity token", " of "},
	actTokenReuse:    {aThing, "A used refresh token came again, so all that it made was ended", "end what a used refresh token made", " for "},
	actTokenExchange: {aThing, "A CI job got a token", "get a token for a CI job", " of "},

	actSSHKeyCreate: {aThing, "Added an SSH key", "add an SSH key", " for "},
	actSSHKeyShow:   {aThing, "Looked at the SSH keys", "look at the SSH keys", " of "},
	actSSHKeyDelete: {aThing, "Deleted an SSH key", "delete an SSH key", " of "},

	actSignIn:        {nothing, "Signed in", "sign in", ""},
	actSignOut:       {nothing, "Signed out", "sign out", ""},
	actUnlock:        {nothing, "Unlocked the profile", "unlock the profile", ""},
	actSessionShow:   {aThing, "Looked at the sessions", "look at the sessions", " of "},
	actSessionRevoke: {aThing, "Ended a session, or all", "end a session, or all", " of "},

	actUpstreamShow:   {aThing, "Looked at the upstream credentials", "look at the upstream credentials", " of "},
	actUpstreamSet:    {aThing, "Stored an upstream credential", "store an upstream credential", " for "},
	actUpstreamTest:   {aThing, "Tested an upstream credential", "test an upstream credential", " of "},
	actUpstreamDelete: {aThing, "Deleted an upstream credential", "delete an upstream credential", " of "},

	actBindingShow:   {aThing, "Looked at the linked accounts", "look at the linked accounts", " of "},
	actBindingCreate: {aThing, "Linked an account", "link an account", " to "},
	actBindingDelete: {aThing, "Unlinked an account", "unlink an account", " of "},
	actElsewhere:     {nothing, "Came back from a provider", "come in through a provider", ""},
	actRefreshed:     {nothing, "A provider was asked again, and the groups changed", "stay signed in through a provider", ""},
	actLoggedOut:     {aThing, "A provider ended sessions", "end sessions as a provider told", " of "},

	actWebLoginShow:    {aThing, "Looked at a program that waits to be signed in", "look at a program that waits to be signed in", " as "},
	actWebLoginApprove: {aThing, "Let a program sign in", "let a program sign in", " as "},
	actWebLoginRefuse:  {aThing, "Refused to let a program sign in", "refuse to let a program sign in", " as "},
	actWebLoginTake:    {aThing, "A program took the token it was let in with", "take the token of a program that was let in", " of "},

	actAudit:      {nothing, "Read the audit trail", "read the audit trail", ""},
	actActivity:   {aName, "Looked at the activity", "look at the activity", " of "},
	actRequest:    {nothing, "Sent a request", "do something by a request", ""},
	actJobExplain: {nothing, "Asked which mapping a CI job hits", "ask which mapping a CI job hits", ""},
}

// Sentence tells a person what happened, without who did it, when and from
// where: "Generated an identity token for bob", "Tried to sign in, and was
// refused". Names in it are text, not HTML.
func (e Event) Sentence() string {
	if e.Action == actIdentify {
		return e.shown()
	}
	if e.Action == ActionUnreadable {
		return "A line of the audit trail cannot be read"
	}
	d, ok := acts[act(e.Action)]
	if !ok {
		return e.Action
	}
	about := ""
	switch name, _, _ := strings.Cut(e.Target, " "); d.target {
	case aName, aGroup, names:
		if e.Target != "" && (e.Target != e.User || d.about == " ") {
			about = d.about + e.Target
		}
	case aThing:
		if name != "" && name != e.User && e.Result == "ok" {
			about = d.about + name
		}
	}
	switch e.Result {
	case "ok":
		return d.did + about
	case "refused":
		return "Tried to " + d.do + about + ", and was refused"
	}
	return "Tried to " + d.do + about + ", which failed"
}

// shown is the sentence of a proof that was refused.
func (e Event) shown() string {
	kind, _, _ := strings.Cut(e.Credential, ":")
	switch Kind(kind) {
	case KindPassword:
		if strings.Contains(e.Cause, "wrong password") {
			return "A wrong password was tried"
		}
		return "A password was tried and refused"
	case KindEncryptedPassword:
		return "An encrypted password that does not work was tried"
	case KindAPIKey:
		return "An API key that does not work was tried"
	case KindToken, KindGrant:
		return "A token that does not work was tried"
	case KindSSHKey:
		return "An SSH key that does not work was tried"
	case KindBinding:
		return "A token of a provider that does not work was tried"
	case KindSession:
		return "A session that does not work was tried"
	}
	return "A credential that does not work was tried"
}
