package auth_test

import (
	"strings"
	"testing"

	"github.com/latchkey-io/latchkey/auth"
)

// TestCommonPasswordsAreRefused: long, and still among the first to be tried.
func TestCommonPasswordsAreRefused(t *testing.T) {
	w := newWorld(t)
	set := func(name, password string) error {
		_, err := w.Users.Create(t.Context(), w.admin, auth.NewUser{Name: name, Email: "a@example.com", Password: auth.NewSecret(password)})
		return err
	}
	for _, common := range []string{
		"123456789012345", "1234567890123456", "987654321098765", "111111111111111", "000000000000000", "121212121212121", "123123123123123",
		"qwertyuiop123456", "qwertyuiopasdfgh", "QwertyUiop123456", "1q2w3e4r5t6y7u8i", "1qaz2wsx3edc4rfv", "qazwsxedcrfvtgb1", "asdfghjklasdfghjkl", "zxcvbnmzxcvbnm1",
		"abcdefghijklmno", "abcdefghijklmnopqrstuvwxyz", "aaaaaaaaaaaaaaaa", "abcabcabcabcabc", "ab ab ab ab ab ab ", "abcd1234abcd1234",
		"passwordpassword", "password1234567", "Password123456789", "passw0rd12345678", "P@ssw0rdP@ssw0rd", "password!!!!!!!", "passwordadmin123", "adminadminadmin",
		"iloveyouiloveyou", "iloveyou12345678", "letmeinletmeinletmein", "welcomewelcome1", "welcome123456789", "changemechangeme", "superman12345678", "footballfootball",
		"Latchkey1234567", "latchkeylatchkey", "latchkey2025!!!!", "mallory.hunter-mallory.hunter", "mallory.hunter123", "MALLORY.HUNTER!", "1mallory.hunter1", "summer2025summer2025",
		"éééééééééééééééé",
	} {
		err := set("mallory.hunter", common)
		if auth.CodeOf(err) != auth.Invalid || !strings.Contains(err.Error(), "too easy") || strings.Contains(err.Error(), common) {
			t.Errorf("%q: %v", common, err)
		}
	}
	for i, good := range []string{
		"correct mule battery staple", "the password of alice is long", "mallory.hunter likes her tea", "13 9 27 4 88 61 7", "ünïcödé länge wörtèr", "  spaces at the ends  ",
		"xkqzvjwmhbtrpfg", "my dragon eats monkeys", "latchkey opens 7 doors", strings.Repeat("a long sentence, ", 10) + "and its end", "秘密の合言葉はとても長いものです",
	} {
		name := "mallory.hunter" + strings.Repeat("x", i)
		if err := set(name, good); err != nil {
			t.Errorf("%q: %v", good, err)
		}
	}
	if err := set("al", "aluminium in alaska"); err != nil {
		t.Error(err)
	}
}
