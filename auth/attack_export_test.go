package auth

import (
	"context"
	"runtime"

	"github.com/latchkey-io/latchkey/internal/limit"
)

// NobodysHash is what is hashed against where there is no password.
var NobodysHash = nobodysHash

// Limits that tests reach.
const (
	PlaceGuesses  = placeGuesses
	SourceGuesses = sourceGuesses
	HashQueue     = maxHashQueue
	UnknownNames  = unknownNames
	ArenaSize     = arenaSize
	CacheShards   = cacheShards
	MaxTokensOf   = maxTokensOf
	MaxNotes      = maxNotes
	MaxForms      = maxForms
	MaxAsked      = maxAsked
	MaxLetters    = maxLetters
	MaxLettersOf  = maxLettersOf
)

// SetMatches replaces argon2id. Call it before the Authority is used.
func (a *Authority) SetMatches(f func(phc, password string) bool) { a.matches = f }

// FillStrangers takes every place inside the gate of strangers' passwords.
func (a *Authority) FillStrangers() (release func()) { return fill(a.hashing) }

// FillSigners takes every place inside the gate of tokens to be signed.
func (a *Authority) FillSigners() (release func()) { return fill(a.signing.gate) }

// HoldLooks lets nothing be looked into that is asked for; it returns once
// nothing is.
func (a *Authority) HoldLooks() (release func()) {
	held, hold := make(chan struct{}), make(chan struct{})
	wait := func(ctx context.Context) {
		close(held)
		select {
		case <-hold:
		case <-ctx.Done():
		}
	}
	for !a.outbox.ask(wait) {
		runtime.Gosched() // until there is room
	}
	<-held
	return func() { close(hold) }
}

func fill(gate *limit.Gate) (release func()) {
	var leaves []func()
	for range (runtime.GOMAXPROCS(0) + 1) / 2 {
		leave, err := gate.Enter(context.Background())
		if err != nil {
			panic(err)
		}
		leaves = append(leaves, leave)
	}
	return func() {
		for _, leave := range leaves {
			leave()
		}
	}
}

// EncodeIdentity and DecodeIdentity are the cache's way to keep an Identity.
func EncodeIdentity(w Identity) []byte         { return appendIdentity(nil, w) }
func DecodeIdentity(s string) (Identity, bool) { return decodeIdentity(s) }
func (w *Identity) SetHidden(uid, ref string, allGroups []string, isAdmin bool, epoch uint64) {
	w.uid, w.Via.ref, w.allGroups, w.isAdmin, w.epoch = uid, ref, allGroups, isAdmin, epoch
}

// Covering, for properties of scopes.
func Glob(pattern, name string) bool { return glob(pattern, name) }

// WithChecksum makes body a well-formed secret.
func WithChecksum(body string) string { return body + checksum(body) }

// RecordsOf counts the store's live items under prefix.
func (a *Authority) RecordsOf(ctx context.Context, prefix string) (n int) {
	for _, err := range a.c.Store.List(ctx, prefix) {
		if err != nil {
			panic(err)
		}
		n++
	}
	return n
}

// WaitingUses counts the uses that wait to be written.
func (a *Authority) WaitingUses() (n int) {
	a.uses.mu.Lock()
	defer a.uses.mu.Unlock()
	for _, note := range a.uses.notes {
		n += len(note.uses)
	}
	return n
}

// FlushUses writes what waits to be written.
func (a *Authority) FlushUses(ctx context.Context) { a.writeUses(ctx) }

// ListToken makes a token's listing and record without its signature, which
// would take a millisecond each.
func (a *Authority) ListToken(ctx context.Context, who Identity) error {
	v := &view{a: a}
	acc, err := v.account(ctx, who.User)
	if err != nil {
		return err
	}
	sys, err := v.system(ctx)
	if err != nil {
		return err
	}
	id := randomID()
	if err := a.Tokens.list(ctx, who.User, id); err != nil {
		return err
	}
	rec := tokenRecord{bond: newBond(who, who.User, acc, sys, KindToken, a.now().UTC(), a.now().Add(0)), Scope: scopeUserText}
	rec.Expires = rec.Expires.AddDate(1, 0, 0)
	return a.rec.tokens.Create(ctx, id, rec, rec.Expires)
}

// NewAPIKeyText draws the text of an API key.
func NewAPIKeyText() string { return newSecretText(apiKeyPrefix, apiKeyLength) }

// LookupAPIKey is the id under which an API key is kept.
func (a *Authority) LookupAPIKey(text string) string { return a.ring().LookupID(lookupAPIKey, text) }

// Asking counts the questions to providers that are under way.
func (a *Authority) Asking() (n int) {
	a.asking.mu.Lock()
	defer a.asking.mu.Unlock()
	for _, of := range a.asking.under {
		n += of
	}
	return n
}
