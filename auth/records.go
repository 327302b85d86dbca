package auth

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/latchkey-io/latchkey/internal/seal"
	"github.com/latchkey-io/latchkey/keystore"
)

// Everything this package keeps, by the prefix of its keys. "live" records
// grant; lists only tell their owner what there is.
//
//	system/epochs     counters that end all credentials of a kind at once
//	system/ring       the key ring, wrapped by the master key
//	user/NAME         account
//	users/SHARD       names of accounts, for the administrator's list
//	group/NAME        group; groups/all: their names
//	cred/HASH         live: an API key, or the reference form of a token
//	apikey/NAME       the owner's sealed copy of the API key, for showing it
//	token/ID          live, or marked as ended: an access token; tokens/NAME:
//	                  the owner's list
//	refresh/ID        live: a family of tokens, each renewing the one before
//	revoked/ID        a short token ended before its time
//	sshkey/ID         live: an SSH key; sshkeys/NAME: the owner's list
//	session/HASH      live: a session; sessions/NAME: the owner's list
//	used/KIND/ID      when, from where and with what a credential was last used
//	guess/…           guess budgets; places/NAME: where NAME signed in before
//	reset/NAME        live: links that let NAME choose a new password
//	email/NAME        an address that NAME has not confirmed yet
//	upstream/NAME     sealed: what NAME shows to upstreams, by their names
//	form/HASH         forms of pages that were sent and must not be again
//	binding/HASH      live: somebody else's word for who an account is, by
//	                  issuer and subject; bindings/NAME: the owner's list
//	providersession/HASH
//	                  sealed: what a session keeps of its provider, by the session
//	providersid/HASH  sessions of one session at a provider, for its end there
type records struct {
	store keystore.Store

	system   keystore.Table[systemRecord]
	accounts keystore.Table[account]
	index    keystore.Table[nameList]
	groups   keystore.Table[groupRecord]
	groupSet keystore.Table[nameList]

	creds    keystore.Table[credRecord]
	keys     keystore.Table[keyRecord]
	tokens   keystore.Table[tokenRecord]
	families keystore.Table[familyRecord]
	revoked  keystore.Table[struct{}]
	sshKeys  keystore.Table[sshKeyRecord]
	sessions keystore.Table[sessionRecord]

	used    keystore.Table[usedRecord]
	guesses keystore.Table[guessRecord]
	places  keystore.Table[placeRecord]

	resets    keystore.Table[resetRecord]
	emails    keystore.Table[emailRecord]
	upstreams keystore.Table[upstreamRecord]
	forms     keystore.Table[struct{}]

	bindings         keystore.Table[bindingRecord]
	providerSessions keystore.Table[providerSession]
	providerSIDs     keystore.Table[idList]
}

func newRecords(s keystore.Store) records {
	return records{
		store: s,

		system:   keystore.NewTable[systemRecord](s, "system/"),
		accounts: keystore.NewTable[account](s, "user/"),
		index:    keystore.NewTable[nameList](s, "users/"),
		groups:   keystore.NewTable[groupRecord](s, "group/"),
		groupSet: keystore.NewTable[nameList](s, "groups/"),
		creds:    keystore.NewTable[credRecord](s, "cred/"),
		keys:     keystore.NewTable[keyRecord](s, "apikey/"),
		tokens:   keystore.NewTable[tokenRecord](s, "token/"),
		families: keystore.NewTable[familyRecord](s, "refresh/"),
		revoked:  keystore.NewTable[struct{}](s, "revoked/"),
		sshKeys:  keystore.NewTable[sshKeyRecord](s, "sshkey/"),
		sessions: keystore.NewTable[sessionRecord](s, "session/"),
		used:     keystore.NewTable[usedRecord](s, "used/"),
		guesses:  keystore.NewTable[guessRecord](s, "guess/"),
		places:   keystore.NewTable[placeRecord](s, "places/"),

		resets:    keystore.NewTable[resetRecord](s, "reset/"),
		emails:    keystore.NewTable[emailRecord](s, "email/"),
		upstreams: keystore.NewTable[upstreamRecord](s, "upstream/"),
		forms:     keystore.NewTable[struct{}](s, "form/"),

		bindings:         keystore.NewTable[bindingRecord](s, "binding/"),
		providerSessions: keystore.NewTable[providerSession](s, "providersession/"),
		providerSIDs:     keystore.NewTable[idList](s, "providersid/"),
	}
}

// epochs end credentials by the number: one that was made under another epoch
// than today's is dead. Bumping one is a single swap, for a million keys too.
type epochs struct {
	Password  uint64 `json:"password"`  // the password itself, and what was made with it
	Encrypted uint64 `json:"encrypted"` // encrypted passwords
	Key       uint64 `json:"key"`       // API keys
	Token     uint64 `json:"token"`
	Session   uint64 `json:"session"`
	SSHKey    uint64 `json:"ssh_key,omitempty"`
	Upstream  uint64 `json:"upstream,omitempty"` // upstream credentials
	Email     uint64 `json:"email,omitempty"`    // links that choose a password, and addresses that wait
	Binding   uint64 `json:"binding,omitempty"`  // linked accounts
}

// of is the epoch that ends credentials of kind k.
func (e epochs) of(k Kind) uint64 {
	switch k {
	case KindAPIKey:
		return e.Key
	case KindToken, KindGrant, KindRefresh:
		return e.Token
	case KindSession:
		return e.Session
	case KindPassword:
		return e.Password
	case KindEncryptedPassword:
		return e.Encrypted
	case KindSSHKey:
		return e.SSHKey
	case KindBinding:
		return e.Binding
	}
	return 0
}

// systemRecord is the one record at system/epochs.
type systemRecord struct {
	Epochs  epochs `json:"epochs"`
	Service string `json:"service"` // this installation's id, in issuers and subjects of tokens
}

const systemID = "epochs"

// account is the record of a user.
type account struct {
	UID              string    `json:"uid"`
	Email            string    `json:"email,omitempty"`
	DisplayName      string    `json:"display_name,omitempty"`
	Groups           []string  `json:"groups,omitempty"` // sorted; by hand, and those of From
	Admin            bool      `json:"admin,omitempty"`
	Disabled         bool      `json:"disabled,omitempty"`
	ProfileFixed     bool      `json:"profile_fixed,omitempty"`
	PasswordDisabled bool      `json:"password_disabled,omitempty"`
	PasswordExpired  bool      `json:"password_expired,omitempty"` // good for nothing but choosing another
	PagesDisabled    bool      `json:"pages_disabled,omitempty"`
	Realm            string    `json:"realm"`
	Kind             UserKind  `json:"kind"`
	Password         string    `json:"password,omitempty"` // PHC string
	Epochs           epochs    `json:"epochs"`
	Created          time.Time `json:"created"`
	Updated          time.Time `json:"updated"`

	From map[string]given `json:"from,omitempty"` // by id of the linked account
}

// bond ties a credential to its account, to the epochs of its day and to the
// credentials it was made with. It is live while all of them are.
type bond struct {
	User    string    `json:"user"`
	UID     string    `json:"uid"`
	Epoch   uint64    `json:"epoch,omitempty"`  // of the account, for the credential's kind
	System  uint64    `json:"system,omitempty"` // of the system
	Parents []Ref     `json:"parents,omitempty"`
	Created time.Time `json:"created"`
	Expires time.Time `json:"expires,omitzero"`
	Ended   time.Time `json:"ended,omitzero"` // before its time; the record stays to be shown
}

type nameList struct {
	Names []string `json:"names"` // sorted
}

// newBond begins a credential of kind for the account that who acts for, as a
// child of who's credential where that is how it must end. limit is the wish
// for its end (zero: none).
func newBond(who Identity, owner string, acc *account, sys systemRecord, kind Kind, now, expires time.Time) bond {
	b := bond{
		User: owner, UID: acc.UID,
		Epoch: acc.Epochs.of(kind), System: sys.Epochs.of(kind),
		Created: now, Expires: expires,
	}
	if who.User == owner && !standsAlone(who, now) {
		b.Parents = lineage(who)
	}
	return b
}

// forBond reads what a credential of owner is tied to, for who to make it, and
// only then asks whether who still holds: what takes who's power away from here
// on moves the epochs that were read, and ends what is made with them.
func (a *Authority) forBond(ctx context.Context, v *view, who Identity, owner string) (*account, systemRecord, error) {
	acc, err := v.account(ctx, owner)
	if err != nil {
		return nil, systemRecord{}, err
	}
	if acc == nil || who.User == owner && who.uid != acc.UID {
		return nil, systemRecord{}, noAccount(owner)
	}
	sys, err := v.system(ctx)
	if err != nil {
		return nil, systemRecord{}, err
	}
	return acc, sys, a.Recheck(ctx, who)
}

// noAccount says that owner is nobody who can have credentials.
func noAccount(owner string) error {
	if strings.HasPrefix(owner, string(KindLocal)+":") {
		return invalid("user", "the administrator at the socket has no credentials of their own; name a user")
	}
	return notFound("user " + owner)
}

// standsAlone reports whether what who makes for itself does not end with
// who's credential: only an unlocked page is such a place.
func standsAlone(who Identity, now time.Time) bool {
	return who.Via.Kind == KindLocal || who.Via.Kind == KindSession && who.Full(now)
}

// maxLineage bounds how deep credentials make credentials.
const maxLineage = 8

// lineage is who's credential and all that it hangs on itself.
func lineage(who Identity) []Ref {
	own := Ref{Kind: who.Via.Kind, ID: who.Via.ref}
	switch who.Via.Kind {
	case KindPassword, KindEncryptedPassword:
		own = Ref{Kind: KindPassword, Epoch: who.epoch}
	case KindSSHKey, KindBinding:
		own.Epoch = who.epoch
	case KindLocal:
		return nil
	}
	return append(append([]Ref(nil), who.Via.Parents...), own)
}

// hangsOn reports that who's credential is the one named or ends with it, so
// that who would not survive its end.
func hangsOn(who Identity, kind Kind, id string) bool {
	return slices.ContainsFunc(lineage(who), func(r Ref) bool { return r.Kind == kind && r.ID == id })
}

// sealed purposes and lookup purposes: one key each.
const (
	lookupAPIKey      = "api key"
	lookupReference   = "reference token"
	lookupSession     = "session"
	lookupPlace       = "place"
	lookupGrant       = "grant"
	lookupFamily      = "token family"
	lookupReset       = "reset link"
	lookupEmail       = "e-mail confirmation"
	lookupForm        = "form"
	lookupAttempt     = "sign-in attempt"
	lookupLogout      = "provider logout"
	lookupAlone       = "alone"
	lookupProviderSID = "provider session id"
	sealAPIKey        = "api key"
	sealEncrypted     = "encrypted password"
	sealUpstream      = "upstream credential"
	sealProvider      = "provider session"
)

func (a *Authority) ring() *seal.Ring { return a.c.Ring }
