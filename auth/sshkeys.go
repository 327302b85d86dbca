package auth

import (
	"cmp"
	"context"
	"crypto/rsa"
	"crypto/sha256"
	"errors"
	"slices"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/latchkey-io/latchkey/internal/seal"
	"github.com/latchkey-io/latchkey/keystore"
)

// SSHKeys keeps the users' SSH public keys: any number each, one owner only.
type SSHKeys struct {
	a     *Authority
	shelf shelf[sshKeyRecord]
}

// NewSSHKey is a key to be registered.
type NewSSHKey struct {
	Owner   string    // "": the caller
	Line    string    // one line as in authorized_keys or id_*.pub, without options
	Title   string    // "": the line's comment
	Expires time.Time // zero: not by itself
}

// SSHKeyInfo is a registered key as its owner and administrators see it.
type SSHKeyInfo struct {
	ID          string    `json:"id"` // of the SHA-256 of the key, as seal.EncodeID writes it
	Owner       string    `json:"owner"`
	Title       string    `json:"title"`
	Type        string    `json:"type"`        // ssh-ed25519, …
	Fingerprint string    `json:"fingerprint"` // SHA256:…, as ssh-keygen -l prints
	Created     time.Time `json:"created"`
	Expires     time.Time `json:"expires,omitzero"`
	LastUsed    Use       `json:"last_used,omitzero"`
}

const (
	maxSSHKeysOf  = 200
	maxSSHKeyLine = 16 << 10 // an RSA-8192 key has 1.4 kB
	maxSSHTitle   = 128      // characters
	minRSABits    = 2048
	maxRSABits    = 8192

	dss = "ssh-dss" // its name in x/crypto is marked as deprecated
)

type sshKeyRecord struct {
	bond
	// Registration tells this registration of the key from others: the id is
	// the key's own, and what was made with a deleted key must not come back
	// when the same key is registered again.
	Registration uint64 `json:"registration"`

	Title       string `json:"title"`
	Type        string `json:"type"`
	Fingerprint string `json:"fingerprint"`
}

func sshKeyID(key ssh.PublicKey) string {
	sum := sha256.Sum256(key.Marshal())
	return seal.EncodeID(sum[:])
}

func (r sshKeyRecord) info(id string) SSHKeyInfo {
	return SSHKeyInfo{ID: id, Owner: r.User, Title: r.Title, Type: r.Type, Fingerprint: r.Fingerprint, Created: r.Created, Expires: r.Expires}
}

// sshKeyTypes are those that can be registered.
var sshKeyTypes = []string{
	ssh.KeyAlgoED25519, ssh.KeyAlgoECDSA256, ssh.KeyAlgoECDSA384, ssh.KeyAlgoECDSA521,
	ssh.KeyAlgoSKED25519, ssh.KeyAlgoSKECDSA256, ssh.KeyAlgoRSA, dss,
}

// checkKeyStrength refuses types and sizes that no door accepts. ssh-dss is
// registered (an old client may be let in by ssh.allow_dss); the SSH server
// decides whether it is used.
func checkKeyStrength(key ssh.PublicKey) error {
	if key.Type() != ssh.KeyAlgoRSA && slices.Contains(sshKeyTypes, key.Type()) {
		return nil
	}
	if key.Type() == ssh.KeyAlgoRSA {
		if ck, ok := key.(ssh.CryptoPublicKey); ok {
			if pub, ok := ck.CryptoPublicKey().(*rsa.PublicKey); ok {
				if n := pub.N.BitLen(); n < minRSABits || n > maxRSABits {
					return invalid("key", "this RSA key has %d bits; %d to %d are accepted, and ssh-ed25519 is better: ssh-keygen -t ed25519", n, minRSABits, maxRSABits)
				}
				return nil
			}
		}
	}
	return invalid("key", "keys of type %s are not accepted; make one with: ssh-keygen -t ed25519", key.Type())
}

// ParseSSHKey reads one line of an authorized_keys or .pub file. Errors are of
// code Invalid, field "key", and say what is wrong with the line.
func ParseSSHKey(line string) (key ssh.PublicKey, comment string, err error) {
	line = strings.TrimSpace(line)
	switch {
	case line == "":
		return nil, "", invalid("key", "the key is empty; paste the line of your .pub file")
	case len(line) > maxSSHKeyLine:
		return nil, "", invalid("key", "the line is too long for a public key")
	case strings.Contains(line, "PRIVATE KEY"), strings.HasPrefix(line, "PuTTY-User-Key-File-"):
		return nil, "", invalid("key", "this is a private key; keep it secret, and paste the line of the .pub file")
	case strings.HasPrefix(line, "---- BEGIN SSH2 PUBLIC KEY"): // RFC 4716
		return nil, "", invalid("key", "this is a public key in another format; paste what ssh-keygen -i -f FILE makes of it")
	case strings.HasPrefix(line, "-----BEGIN PUBLIC KEY"):
		return nil, "", invalid("key", "this is a public key in another format; paste what ssh-keygen -i -m PKCS8 -f FILE makes of it")
	case strings.ContainsAny(line, "\n\r\x00"):
		return nil, "", invalid("key", "one key at a time, in one line: the text has several lines")
	}
	kind, _, _ := strings.Cut(line, " ")
	key, comment, options, rest, err := ssh.ParseAuthorizedKey([]byte(line))
	switch {
	case err != nil && slices.Contains(sshKeyTypes, kind):
		return nil, "", invalid("key", "this %s key is not whole; copy the line of the .pub file once more, from its beginning to its end", kind)
	case err != nil:
		return nil, "", invalid("key", "this is not a public key line (it looks like: ssh-ed25519 AAAA… comment)")
	case len(options) > 0:
		return nil, "", invalid("key", "options before the key (%s) are not supported; paste the key alone", strings.SplitN(options[0], "=", 2)[0])
	case len(strings.TrimSpace(string(rest))) > 0:
		return nil, "", invalid("key", "one key at a time: the text has several lines")
	}
	if _, isCert := key.(*ssh.Certificate); isCert {
		return nil, "", invalid("key", "this is a certificate; paste the public key itself")
	}
	return key, comment, checkKeyStrength(key)
}

// Create registers a key. Errors: Invalid, Exists (the caller's own already,
// or somebody else's).
func (k *SSHKeys) Create(ctx context.Context, who Identity, n NewSSHKey) (info SSHKeyInfo, err error) {
	if n.Owner == "" {
		n.Owner = who.User
	}
	defer func() { k.a.Trail.acted(who, actSSHKeyCreate, n.Owner+" "+info.Fingerprint, err) }()
	if err := k.a.allow(who, actSSHKeyCreate, n.Owner); err != nil && !k.endsInTime(who, n, err) {
		return SSHKeyInfo{}, err
	}
	key, comment, err := ParseSSHKey(n.Line)
	if err != nil {
		return SSHKeyInfo{}, err
	}
	title := cleanText(cmp.Or(n.Title, comment), maxSSHTitle)
	if title == "" {
		title = key.Type()
	}
	now := k.a.now().UTC()
	if !n.Expires.IsZero() && !n.Expires.After(now) {
		return SSHKeyInfo{}, invalid("expires", "the key would have expired already")
	}
	ctx, cancel := context.WithTimeout(ctx, storeDeadline)
	defer cancel()
	v := &view{a: k.a}
	acc, sys, err := k.a.forBond(ctx, v, who, n.Owner)
	if err != nil {
		return SSHKeyInfo{}, err
	}
	if acc.ProfileFixed && !who.Admin {
		return SSHKeyInfo{}, forbidden("your profile is kept by the administrators; ask them")
	}
	if len(lineage(who)) > maxLineage {
		return SSHKeyInfo{}, forbidden("credentials have made credentials too often here; use your password")
	}
	rec := sshKeyRecord{
		bond:  newBond(who, n.Owner, acc, sys, KindSSHKey, now, n.Expires.UTC()),
		Title: title, Type: key.Type(), Fingerprint: ssh.FingerprintSHA256(key), Registration: randomEpoch(),
	}
	if n.Expires.IsZero() {
		rec.Expires = time.Time{}
	}
	id := sshKeyID(key)
	if err := k.freeUp(ctx, v, who, id, n.Owner); err != nil {
		return SSHKeyInfo{}, err
	}
	if err := k.list(ctx, n.Owner, id); err != nil {
		return SSHKeyInfo{}, err
	}
	err = k.a.rec.sshKeys.Create(ctx, id, rec, rec.Expires)
	if errors.Is(err, keystore.ErrExists) {
		return SSHKeyInfo{}, &Error{Code: Exists, Field: "key", Reason: "this key was registered at the same moment"}
	}
	if err != nil {
		return SSHKeyInfo{}, storeFailed(err)
	}
	// Who read the list meanwhile found no record and took the id off it.
	return rec.info(id), k.list(ctx, n.Owner, id)
}

// list puts a key on its owner's list, making room where what stands on it has
// ended.
func (k *SSHKeys) list(ctx context.Context, owner, id string) error {
	err := k.shelf.list(ctx, owner, id)
	if errors.Is(err, errListFull) {
		if err := k.shelf.tidy(ctx, owner, k.shelf.remove); err != nil {
			return err
		}
		err = k.shelf.list(ctx, owner, id)
	}
	if errors.Is(err, errListFull) {
		return invalid("key", "%s has %d SSH keys, which is the most; delete some", owner, maxSSHKeysOf)
	}
	return err
}

// endsInTime lets an ending credential of the owner, or of an administrator,
// register a key that ends no later: attenuation, not a refusal.
func (k *SSHKeys) endsInTime(who Identity, n NewSSHKey, refused error) bool {
	return CodeOf(refused) == Forbidden && (who.User == n.Owner && who.uid != "" && who.Scopes.User() || who.Admin) && !who.throughSSH() &&
		who.Via.Kind != KindSession && !who.Expires.IsZero() && !n.Expires.IsZero() && !n.Expires.After(who.Expires)
}

// freeUp makes room where a key's record is a leftover of an account that is
// gone, and says whose it is otherwise.
func (k *SSHKeys) freeUp(ctx context.Context, v *view, who Identity, id, owner string) error {
	rec, _, err := k.a.rec.sshKeys.Get(ctx, id)
	if gone(err) {
		return nil
	} else if err != nil {
		return storeFailed(err)
	}
	holder, err := v.account(ctx, rec.User)
	if err != nil {
		return err
	}
	if holder != nil && holder.Disabled {
		holder.Disabled = false // silent, not gone
	}
	why, err := v.live(ctx, KindSSHKey, rec.bond, holder)
	switch {
	case err != nil:
		return err
	case why != "":
		if err := k.a.rec.sshKeys.Delete(ctx, id); err != nil && !gone(err) {
			return storeFailed(err)
		}
		return nil
	case rec.User == owner:
		return &Error{Code: Exists, Field: "key", Reason: "this key is registered already, as " + rec.Title}
	}
	return &Error{Code: Exists, Field: "key", Reason: "this key belongs to another account; use a key of your own for each account"}
}

// List shows the keys of owner, in the order of their registration.
func (k *SSHKeys) List(ctx context.Context, who Identity, owner string) ([]SSHKeyInfo, error) {
	if err := k.a.may(ctx, who, actSSHKeyShow, owner); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, 2*storeDeadline)
	defer cancel()
	live, err := k.shelf.live(ctx, owner)
	if err != nil {
		return nil, err
	}
	out := make([]SSHKeyInfo, 0, len(live))
	for _, l := range live {
		info := l.rec.info(l.id)
		info.LastUsed = k.a.lastUse(ctx, KindSSHKey, l.id)
		out = append(out, info)
	}
	return out, nil
}

// Delete removes a key. It works nowhere from then on, nor does what was made
// with it.
func (k *SSHKeys) Delete(ctx context.Context, who Identity, id string) (err error) {
	target := id
	defer func() { k.a.Trail.acted(who, actSSHKeyDelete, target, err) }()
	ctx, cancel := context.WithTimeout(ctx, storeDeadline)
	defer cancel()
	rec, _, err := k.a.rec.sshKeys.Get(ctx, id)
	if err != nil && !gone(err) {
		return storeFailed(err)
	}
	if gone(err) || rec.User != who.User && !who.Admin {
		return notFound("SSH key")
	}
	target = rec.User + " " + id
	if err := k.a.may(ctx, who, actSSHKeyDelete, rec.User); err != nil {
		return err
	}
	if err := k.shelf.remove(ctx, id, rec); err != nil {
		return err
	}
	return k.shelf.unlist(ctx, rec.User, id)
}

func (k *SSHKeys) sweep(ctx context.Context, owner string) error {
	return k.shelf.sweep(ctx, owner, k.shelf.remove)
}

// Registered reports whether an offered key is anybody's. It proves nothing
// and is only good for asking the client to sign.
func (k *SSHKeys) Registered(ctx context.Context, key ssh.PublicKey) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, storeDeadline)
	defer cancel()
	_, _, err := k.a.rec.sshKeys.Get(ctx, sshKeyID(key))
	if gone(err) {
		return false, nil
	}
	return err == nil, storeFailed(err)
}
