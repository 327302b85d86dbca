package web

import (
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/latchkey-io/latchkey/auth"
)

// sshPath is where SSH keys are kept.
const sshPath = profilePath + "/ssh"

// sshPage is the person's SSH keys.
type sshPage struct {
	frame
	Keys     []sshRow
	Pages    pager
	Fixed    bool // the person may not add any
	Form     form
	Off      bool      // there is no SSH here
	Commands []command // to try a key with
}

// sshRow is one key as a list shows it.
type sshRow struct {
	Title, Type, Fingerprint string
	Added, Ends              moment
	Used                     use
	Badges                   []badge
	Weak                     bool   // of a type that is broken
	Delete                   string // address
}

// weakType is accepted for old clients, where the administrators let them in.
const weakType = "ssh-dss"

// sshForm is the form that a key is added with.
func sshForm() form {
	return form{
		Action: sshPath, Button: "Add SSH key",
		Fields: []field{
			{Name: "key", Label: "Public key", Type: "area", Rows: 4, Mono: true, Drop: true, Required: true, Complete: "off",
				Hint: "Paste the line of your .pub file, or drop the file here. It begins with ssh-ed25519, ecdsa-sha2-nistp256, -384 or -521, sk-ssh-ed25519, sk-ecdsa-sha2-nistp256, or ssh-rsa with at least 2048 bits."},
			{Name: "title", Label: "Title", Hint: "Where the key lives, as “laptop”. Empty: the comment at the end of the key.", Max: 128, Complete: "off"},
			{Name: "expires", Label: "Last day", Type: "date", Hint: "It works until the end of that day, UTC. Empty: until you delete it."},
		},
	}
}

// ShowSSHKeys is GET /ui/profile/ssh.
func (p *Pages) ShowSSHKeys(w http.ResponseWriter, r *http.Request, who auth.Identity) error {
	return p.sshKeys(w, r, http.StatusOK, who, sshForm())
}

func (p *Pages) sshKeys(w http.ResponseWriter, r *http.Request, status int, who auth.Identity, f form) error {
	user, err := p.auth.Users.Get(r.Context(), who, who.User)
	if err != nil {
		return err
	}
	keys, err := p.auth.SSHKeys.List(r.Context(), who, who.User)
	if err != nil {
		return err
	}
	slices.Reverse(keys) // the newest first
	page := sshPage{
		frame: p.profile("SSH keys", r, who, "SSH keys"), Keys: []sshRow{}, Form: f,
		Fixed: profileKept(user, who), Off: p.ssh == "", Commands: p.sshCommands(),
	}
	shown, pages := paged(r, keys, sshPath, "")
	page.Pages = pages
	for _, k := range shown {
		page.Keys = append(page.Keys, p.sshRow(k))
	}
	return p.write(w, status, "sshkeys", page)
}

func (p *Pages) sshRow(k auth.SSHKeyInfo) sshRow {
	return sshRow{
		Title: k.Title, Type: k.Type, Fingerprint: k.Fingerprint, Weak: k.Type == weakType,
		Added: p.moment(k.Created), Ends: p.moment(k.Expires), Used: p.use(k.LastUsed),
		Badges: p.age(k.Created, k.LastUsed.At, k.Expires), Delete: sshDeletePath(k.ID),
	}
}

// sshCommands try a key; none where there is no SSH.
func (p *Pages) sshCommands() []command {
	host, port, err := net.SplitHostPort(p.ssh)
	if err != nil {
		return nil
	}
	to, at := "ssh -p "+port+" "+host, "ssh://git@"+p.ssh
	if port == "22" {
		to, at = "ssh "+host, "ssh://git@"+strings.TrimSuffix(p.ssh, ":22")
	}
	return []command{
		{"ssh", "It answers with your name. The name before an @ does not matter: the key says who you are.", to + " whoami"},
		{"git-lfs", "In a clone of a repository whose large files are here; take the path of your own.", "git config lfs.url \"" + at + "/lfs/team/assets\"\ngit lfs push --all origin main"},
	}
}

// AddSSHKey is POST /ui/profile/ssh.
func (p *Pages) AddSSHKey(w http.ResponseWriter, r *http.Request, who auth.Identity) error {
	f := sshForm()
	values, err := readForm(w, r, f.names()...)
	if err != nil {
		return err
	}
	var ends time.Time
	if who, err = p.unlockedBy(r, who, values); err == nil && values.Get("expires") != "" {
		ends, err = p.lastDay("expires", values.Get("expires"))
	}
	if err == nil {
		_, err = p.auth.SSHKeys.Create(r.Context(), who, auth.NewSSHKey{
			Line: values.Get("key"), Title: values.Get("title"), Expires: ends,
		})
	}
	if err == nil {
		return p.done(w, sshPath, "ssh-added")
	}
	return p.refusedSSHKey(w, r, who, f, values, err)
}

// refusedSSHKey is the page with the form as it was typed. A private key that
// was pasted by mistake is not among what comes back, whatever was refused.
func (p *Pages) refusedSSHKey(w http.ResponseWriter, r *http.Request, who auth.Identity, f form, values url.Values, err error) error {
	if !looksPublic(values.Get("key")) {
		values.Set("key", "")
	}
	f, status, ok := p.refused(w, who, f, err, values)
	if !ok {
		return err
	}
	return p.sshKeys(w, r, status, lockedBy(who, err), f)
}

// looksPublic reports that text has a public key in it and none that is not, so
// that it may be shown once more: what was pasted by mistake may be a secret.
func looksPublic(text string) bool {
	return strings.Contains(text, " AAAA") && !strings.Contains(strings.ToUpper(text), "PRIVATE")
}

func sshDeletePath(id string) string { return sshPath + "/" + url.PathEscape(id) + "/delete" }

// ownSSHKey is a key of the person's own.
func (p *Pages) ownSSHKey(r *http.Request, who auth.Identity) (auth.SSHKeyInfo, error) {
	keys, err := p.auth.SSHKeys.List(r.Context(), who, who.User)
	if err != nil {
		return auth.SSHKeyInfo{}, err
	}
	i := slices.IndexFunc(keys, func(k auth.SSHKeyInfo) bool { return k.ID == r.PathValue("id") })
	if i < 0 {
		return auth.SSHKeyInfo{}, &auth.Error{Code: auth.NotFound, Reason: "SSH key not found"}
	}
	return keys[i], nil
}

// AskDeleteSSHKey is GET /ui/profile/ssh/{id}/delete.
func (p *Pages) AskDeleteSSHKey(w http.ResponseWriter, r *http.Request, who auth.Identity) error {
	key, err := p.ownSSHKey(r, who)
	if err != nil {
		return p.goneTo(w, err, sshPath, "ssh-gone")
	}
	return p.confirm(w, http.StatusOK, p.sshDeletion(r, who, key))
}

func (p *Pages) sshDeletion(r *http.Request, who auth.Identity, key auth.SSHKeyInfo) confirmPage {
	page := confirmPage{
		frame: p.profile("Delete “"+key.Title+"”?", r, who, "SSH keys"),
		Said:  []string{"The key opens nothing from then on, and connections that it opened are closed within a minute. What was made with it ends as well. The file on your machine stays as it is."},
		Facts: []fact{
			{"Type", key.Type}, {"Fingerprint", key.Fingerprint},
			{"Added", p.moment(key.Created).Words}, {"Last used", p.lastUse(key.LastUsed)},
		},
		Form: form{Action: sshDeletePath(key.ID), Button: "Delete SSH key", Danger: true, Cancel: sshPath},
	}
	page.Lock.Next = page.Form.Action
	return page
}

// DeleteSSHKey is POST /ui/profile/ssh/{id}/delete.
func (p *Pages) DeleteSSHKey(w http.ResponseWriter, r *http.Request, who auth.Identity) error {
	if _, err := readForm(w, r); err != nil {
		return err
	}
	key, err := p.ownSSHKey(r, who)
	if err != nil {
		return p.goneTo(w, err, sshPath, "ssh-gone")
	}
	err = p.auth.SSHKeys.Delete(r.Context(), who, key.ID)
	switch auth.CodeOf(err) {
	case "":
		return p.done(w, sshPath, "ssh-deleted")
	case auth.NotFound:
		return p.done(w, sshPath, "ssh-gone")
	}
	return p.refusedConfirm(w, who, p.sshDeletion(r, who, key), err, nil)
}
