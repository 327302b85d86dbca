package auth

import (
	"cmp"
	"slices"
	"strings"
)

// PasswordRule is what a new password of an account must be (NIST SP 800-63B-4
// §3.1.1.2): long, of whatever characters, and neither one of the commonest
// passwords nor made of the account's own name. What is said over and over
// counts once.
type PasswordRule struct {
	Least int // characters
	// Words count for nothing, in whatever case: those that the commonest
	// passwords of that length are made of, and the account's name. Longest
	// first.
	Words []string
	// Own is how many characters must be left beside the words, where a run,
	// as 3456, dcba or ssss, counts as its first character.
	Own int
}

// ownCharacters is PasswordRule.Own.
const ownCharacters = 6

// commonWords are parts of the commonest passwords of 15 characters and more
// in public lists of leaked ones, which are words said twice, keys beside each
// other, and words with years or 123 behind them.
var commonWords = []string{
	"latchkey", "password", "passwort", "passw0rd", "p@ssword", "p@ssw0rd", "pa55word", "letmein", "welcome", "changeme", "default", "secret",
	"admin", "administrator", "root", "login", "qwertyuiop", "qwertzuiop", "qwerty", "qwertz", "azerty", "asdfghjkl", "asdfgh", "asdf", "zxcvbnm", "zxcvbn",
	"1q2w3e4r5t6y7u8i9o0p", "1q2w3e4r5t6y", "1q2w3e4r5t", "1q2w3e4r", "1qaz", "2wsx", "3edc", "4rfv", "5tgb", "6yhn", "7ujm", "qazwsxedc", "qazwsx", "rfvtgb", "yhnujm", "zaq1", "xsw2", "cde3",
	"iloveyou", "loveyou", "monkey", "dragon", "football", "baseball", "sunshine", "princess", "superman", "batman", "master", "shadow", "michael",
	"jesus", "whatever", "trustno1", "starwars", "computer", "internet", "samsung", "liverpool", "chelsea", "summer", "winter", "spring", "autumn", "abc123",
}

// shortestName is how long a user name is, in bytes, that counts as a word: of
// shorter ones too much is made by chance.
const shortestName = 3

// PasswordRule tells a person what a new password of user must be.
func (a *Authority) PasswordRule(user string) PasswordRule {
	words := slices.Clone(commonWords)
	if len(user) >= shortestName {
		words = append(words, strings.ToLower(user))
	}
	slices.SortFunc(words, func(x, y string) int { return cmp.Or(len(y)-len(x), strings.Compare(x, y)) })
	return PasswordRule{Least: a.Policy().MinPassword, Words: slices.Compact(words), Own: ownCharacters}
}

// guessable reports a password that is one of the first to be tried. One with
// enough of its own is none, whatever words stand beside that.
func (r PasswordRule) guessable(password string) bool {
	password = saidOnce(strings.ToLower(password))
	for _, w := range r.Words {
		password = strings.ReplaceAll(password, w, "\x00")
	}
	own, before := 0, rune(0)
	for _, c := range password {
		if c != 0 && (before == 0 || !nextTo(before, c)) {
			own++
		}
		before = c
	}
	return own < r.Own
}

// saidOnce is what s says over and over: "abc" of "abcabca".
func saidOnce(s string) string {
	for n := 1; n <= len(s)/2; n++ {
		if s[n:] == s[:len(s)-n] {
			return s[:n]
		}
	}
	return s
}

// nextTo reports characters that make a run.
func nextTo(a, b rune) bool {
	return b-a >= -1 && b-a <= 1 || a == '9' && b == '0' || a == '0' && b == '9'
}
