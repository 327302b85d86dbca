package auth

import (
	"context"
	"encoding/binary"
	"math/big"
	"strings"
)

// An encrypted password stands in for the clear one in configuration files:
//
//	AP + base58(sealed box) + checksum
//
// The box is sealed to the account's id and holds the numbers of its password
// and encrypted-password epochs, never the password. It is kept nowhere, and
// ends when either number changes.

const (
	encryptedPrefix = "AP"
	encryptedMin    = 60  // shorter texts are ordinary passwords
	encryptedMax    = 200 // longer ones too
	encryptedForm   = 1   // first byte inside the box

	nobodysUID = "00000000-0000-0000-0000-000000000000"
)

// looksEncrypted tells the form by prefix, alphabet and length.
func looksEncrypted(s string) bool {
	return len(s) >= encryptedMin && len(s) <= encryptedMax && strings.HasPrefix(s, encryptedPrefix) && alphanumeric(s)
}

// Encrypted makes an encrypted password for the caller, who must be there in
// person (Identity.Full) or, with code Forbidden, is refused. Code Unsupported
// where the policy says so.
func (p *Passwords) Encrypted(ctx context.Context, who Identity) (secret Secret, err error) {
	defer func() { p.a.Trail.acted(who, actPasswordEncrypt, who.User, err) }()
	if err := p.a.may(ctx, who, actPasswordEncrypt, who.User); err != nil {
		return Secret{}, err
	}
	if p.a.Policy().EncryptedPasswords == EncryptionUnsupported {
		return Secret{}, &Error{Code: Unsupported, Reason: "encrypted passwords are switched off (password.encryption_policy)"}
	}
	_, acc, err := p.a.accountFor(ctx, &view{a: p.a}, who.User)
	if err != nil {
		return Secret{}, err
	}
	if acc == nil || acc.UID != who.uid || !acc.mayUsePassword() {
		return Secret{}, forbidden("this account has no password here")
	}
	if acc.PasswordExpired {
		return Secret{}, passwordExpired()
	}
	plain := []byte{encryptedForm}
	plain = binary.BigEndian.AppendUint64(plain, acc.Epochs.Encrypted)
	plain = binary.BigEndian.AppendUint64(plain, acc.Epochs.Password)
	body := encryptedPrefix + toBase58(p.a.ring().Seal(sealEncrypted, acc.UID, plain))
	return NewSecret(body + checksum(body)), nil
}

func (a *Authority) byEncryptedPassword(ctx context.Context, v *view, p EncryptedPassword) (found, error) {
	if a.Policy().EncryptedPasswords == EncryptionUnsupported {
		return found{}, unauthenticated("encrypted passwords are switched off")
	}
	name, acc, err := a.accountFor(ctx, v, p.User)
	if err != nil {
		return found{}, err
	}
	text := p.Secret.Reveal()
	box, ok := fromBase58(text[len(encryptedPrefix) : len(text)-checksumLength])
	if !ok {
		return nobody(name, acc), unauthenticated("not an encrypted password")
	}
	uid := nobodysUID // the box is tried for every name, so that all take one time
	if acc.mayUsePassword() {
		uid = acc.UID
	}
	plain, err := a.ring().Open(sealEncrypted, uid, box)
	if !acc.mayUsePassword() {
		return nobody(name, acc), unauthenticated("no account that can sign in with a password")
	}
	if err != nil || len(plain) != 17 || plain[0] != encryptedForm {
		return nobody(name, acc), unauthenticated("an encrypted password of somebody else, or of older keys")
	}
	if binary.BigEndian.Uint64(plain[1:]) != acc.Epochs.Encrypted || binary.BigEndian.Uint64(plain[9:]) != acc.Epochs.Password {
		return nobody(name, acc), unauthenticated("the encrypted password ended with its password")
	}
	if acc.PasswordExpired {
		return nobody(name, acc), passwordExpired()
	}
	return found{acc: acc, name: name, via: Via{Kind: KindEncryptedPassword, ID: name}, scopes: UserScope}, nil
}

const base58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"

// toBase58 writes b as a number, behind a leading 1 byte that keeps its length.
func toBase58(b []byte) string {
	n := new(big.Int).SetBytes(append([]byte{1}, b...))
	radix, digit := big.NewInt(58), new(big.Int)
	var out []byte
	for n.Sign() > 0 {
		n.DivMod(n, radix, digit)
		out = append(out, base58[digit.Int64()])
	}
	for i, j := 0, len(out)-1; i < j; i, j = i+1, j-1 {
		out[i], out[j] = out[j], out[i]
	}
	return string(out)
}

func fromBase58(s string) ([]byte, bool) {
	n, radix := new(big.Int), big.NewInt(58)
	for i := range len(s) {
		d := strings.IndexByte(base58, s[i])
		if d < 0 {
			return nil, false
		}
		n.Add(n.Mul(n, radix), big.NewInt(int64(d)))
	}
	b := n.Bytes()
	if len(b) < 2 || b[0] != 1 {
		return nil, false
	}
	return b[1:], true
}
