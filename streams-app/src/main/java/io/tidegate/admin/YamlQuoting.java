package io.tidegate.admin;

import com.fasterxml.jackson.dataformat.yaml.util.StringQuotingChecker;
import java.util.regex.Pattern;

/**
 * Quotes every text in YAML that some parser could misread: Jackson's own rules leave a date, a time in base 60, {@code =} and
 * {@code <<} unquoted, which parsers of YAML 1.1 do not read as texts.
 */
final class YamlQuoting extends StringQuotingChecker.Default {
    private static final long serialVersionUID = 1;
    private static final Pattern PLAIN = Pattern.compile("\\p{L}[\\p{L}\\p{N} _./-]*");

    @Override
    public boolean needToQuoteName(String name) {
        return super.needToQuoteName(name) || !PLAIN.matcher(name).matches();
    }

    @Override
    public boolean needToQuoteValue(String value) {
        return super.needToQuoteValue(value) || !PLAIN.matcher(value).matches();
    }
}
