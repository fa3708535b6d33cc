// Shows that Java's own PKCS#11 provider, SunPKCS11, lists what is in the card and signs with it.

import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.security.KeyStore;
import java.security.PrivateKey;
import java.security.Provider;
import java.security.Security;
import java.security.Signature;
import java.util.Base64;
import java.util.Collections;

/**
 * Arguments: the PKCS#11 module, the index of the slot, and the message; the PIN is typed.
 *
 * Prints a line for each entry of the key store: "certificate", or "key" and its signature, and
 * the entry's certificate.
 */
public final class Sign {
    public static void main(String[] arguments) throws Exception {
        String pin = new BufferedReader(new InputStreamReader(System.in)).readLine();
        byte[] message = arguments[2].getBytes(StandardCharsets.UTF_8);
        Provider provider = Security.getProvider("SunPKCS11").configure(
            "--name=card\nlibrary=" + arguments[0] + "\nslotListIndex=" + arguments[1] + "\n");
        KeyStore entries = KeyStore.getInstance("PKCS11", provider);
        entries.load(null, pin.toCharArray());
        for (String alias : Collections.list(entries.aliases())) {
            String line = "certificate";
            if (entries.isKeyEntry(alias)) {
                Signature signature = Signature.getInstance("SHA256withRSA", provider);
                signature.initSign((PrivateKey) entries.getKey(alias, null));
                signature.update(message);
                line = "key " + base64(signature.sign());
            }
            System.out.println(line + " " + base64(entries.getCertificate(alias).getEncoded()));
        }
    }

    private static String base64(byte[] data) {
        return Base64.getEncoder().encodeToString(data);
    }
}
